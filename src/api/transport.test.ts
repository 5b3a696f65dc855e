import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { decodeFrame, encodeFrameHeader } from "#api/frame-codec.ts";
import { createClient } from "#api/grpc/client.ts";
import { connectInMemory, openPair } from "#api/grpc/memory-pair.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import {
  openProxyCluster,
  openProxySsh,
  registerTransport,
  type SshTarget,
} from "#api/transport.ts";
import { concat } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { ProxySSHRequestSchema, TransportService } from "#gen/teleport/transport/v1/service_pb.ts";

/** A proxy whose every target is one end of a pair; the other ends come out of `dialed`. */
function setUp() {
  const server = new GrpcServer<string>();
  const targets: SshTarget[] = [];
  const dialed = Promise.withResolvers<Duplex>();
  const dial = async (target: SshTarget) => {
    if (target.hostPort.startsWith("nowhere")) throw new Fault("not-found", "no such host");
    targets.push(target);
    const [near, far] = openPair();
    dialed.resolve(far);
    return near;
  };
  registerTransport(server, {
    dialSsh: dial,
    dialCluster: (cluster) => dial({ hostPort: "auth", cluster }),
  });
  const client = connectInMemory(server, "alice");
  return {
    client,
    targets,
    /** The far end of the first target. */
    dialed: dialed.promise,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

/** Everything up to the end. An async iteration would destroy the other direction, too. */
function readText(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    stream.once("end", () => resolve(text));
    stream.once("error", reject);
  });
}

const target = { hostPort: "node-1:0", cluster: "example" };

test("bytes pass both ways, and the end of either side ends the call", async () => {
  await using t = setUp();
  const stream = await openProxySsh(t.client, target);
  const far = await t.dialed;
  assert.equal(t.targets[0]?.hostPort, target.hostPort);
  assert.equal(t.targets[0]?.cluster, target.cluster);
  stream.end("question");
  assert.equal(await readText(far), "question");
  far.end("answer");
  assert.equal(await readText(stream), "answer");
});

test("20 MB in odd pieces arrive unchanged in both directions at once", async () => {
  await using t = setUp();
  const stream = await openProxySsh(t.client, target);
  const far = await t.dialed;
  const data = randomBytes(20_000_000);
  const send = async (into: Duplex) => {
    for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7 + 13) % 90_001) {
      if (!into.write(data.subarray(at, at + size))) {
        await new Promise((resolve) => into.once("drain", resolve));
      }
    }
  };
  const receive = async (from: Duplex) => {
    const hash = createHash("sha256");
    let left = data.length;
    for await (const chunk of from) {
      hash.update(chunk);
      left -= chunk.length;
      if (left === 0) return hash.digest("hex");
    }
    return "ended early";
  };
  const expected = createHash("sha256").update(data).digest("hex");
  const [there, back] = await Promise.all([receive(far), receive(stream), send(stream), send(far)]);
  assert.equal(there, expected);
  assert.equal(back, expected);
});

test("a refused dial is the fault of the call", async () => {
  await using t = setUp();
  await assert.rejects(openProxySsh(t.client, { ...target, hostPort: "nowhere:0" }), (error) => {
    assert.ok(isFault(error, "not-found"));
    assert.equal(error.message, "no such host");
    return true;
  });
});

test("the first answer carries details, even though they are empty", async () => {
  await using t = setUp();
  const call = await createClient(TransportService, t.client).proxySSH();
  await call.send({ dialTarget: target });
  const answer = await call.receive();
  assert.ok(answer?.details);
  call.cancel();
});

test("a call that names no target is invalid", async () => {
  await using t = setUp();
  const call = await createClient(TransportService, t.client).proxySSH();
  await call.send({ frame: { case: "ssh", value: { payload: new Uint8Array([1]) } } });
  await assert.rejects(call.receive(), (error) => isFault(error, "invalid"));
});

test("a client that goes away takes the target with it", async () => {
  await using t = setUp();
  const stream = await openProxySsh(t.client, target);
  const far = await t.dialed;
  const closed = new Promise((resolve) => far.once("close", resolve));
  stream.destroy();
  await closed;
});

test("a target that breaks is unavailable", async () => {
  await using t = setUp();
  const stream = await openProxySsh(t.client, target);
  const far = await t.dialed;
  const failed = new Promise((resolve) => stream.once("error", resolve));
  far.on("error", () => {});
  far.destroy(new TypeError("reset"));
  stream.resume();
  assert.ok(isFault(await failed, "unavailable"));
});

test("ProxyCluster reaches the named cluster over its own fields", async () => {
  await using t = setUp();
  const stream = await openProxyCluster(t.client, "leaf");
  stream.end("hello");
  const far = await t.dialed;
  assert.equal(t.targets[0]?.cluster, "leaf");
  assert.equal(await readText(far), "hello");
  far.end("bye");
  assert.equal(await readText(stream), "bye");
});

test("hand-made frames are what the generated code makes and reads", () => {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(16_000, 16_383, 16_384, 70_000).map((length) => new Uint8Array(length)),
  );
  fc.assert(
    fc.property(payloads, (payload) => {
      const message = create(ProxySSHRequestSchema, {
        frame: { case: "ssh", value: { payload } },
      });
      const encoded = toBinary(ProxySSHRequestSchema, message);
      assert.deepEqual(decodeFrame(encoded, 2), new Uint8Array(payload));
      const ours = concat(encodeFrameHeader(2, payload.length), payload);
      assert.equal(new DataView(ours.buffer).getUint32(1), ours.length - 5);
      const back = fromBinary(ProxySSHRequestSchema, ours.subarray(5));
      assert.ok(back.frame.case === "ssh");
      assert.deepEqual(new Uint8Array(back.frame.value.payload), new Uint8Array(payload));
    }),
  );
});

test("frames of another field and unknown fields are passed over", () => {
  assert.equal(decodeFrame(new Uint8Array([0x1a, 2, 0x0a, 0]), 2), undefined);
  const unknown = new Uint8Array([0x78, 0x96, 0x01, 0x12, 3, 0x0a, 1, 9]);
  assert.deepEqual(decodeFrame(unknown, 2), new Uint8Array([9]));
});

test("malformed frames are refused: short, overlong, group, field zero", () => {
  for (const bytes of [[0x12], [0x12, 5, 0x0a], [0x12, 0xff], [0x13, 0], [0x02, 0], [0x7d, 1, 2]]) {
    const decode = () => decodeFrame(new Uint8Array(bytes), 2);
    assert.throws(decode, (error) => isFault(error, "internal"), String(bytes));
  }
  const endless = new Uint8Array(20).fill(0xff);
  assert.throws(
    () => decodeFrame(endless, 2),
    (error) => isFault(error, "internal"),
  );
});
