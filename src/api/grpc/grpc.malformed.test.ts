import assert from "node:assert/strict";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { test } from "node:test";
import fc from "fast-check";
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { maxMessageBytes } from "#api/grpc/limits.ts";
import { connectInMemory, openPair } from "#api/grpc/memory-pair.ts";
import { encodePrefix, MessageReader } from "#api/grpc/message-reader.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import { decodeStatus, decodeText, encodeText, faultOfStatus } from "#api/grpc/status.ts";
import { formatTimeout, parseTimeout } from "#api/grpc/timeout.ts";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";

/** A server, and a bare HTTP/2 session to it that sends what no client would. */
function setUp() {
  const server = new GrpcServer<string>();
  server.register(AuthService, {
    ping: () => ({ ClusterName: "c" }),
    getRole: ({ Name }) => ({ Version: Name }),
    async *getCurrentUserRoles(_, { signal }) {
      yield { Version: "v1" };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  const [ours, theirs] = openPair();
  server.accept(theirs, "mallory");
  const session = connect("http://x", { createConnection: () => ours });
  session.on("error", () => {});
  const honest = connectInMemory(server, "alice");
  return {
    server,
    session,
    /** The server still serves others. */
    async assertAlive() {
      assert.equal((await createClient(AuthService, honest).ping({})).ClusterName, "c");
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      await honest.close();
      await server.close();
    },
  };
}

const grpcHeaders = {
  ":method": "POST",
  ":path": "/proto.AuthService/GetRole",
  "content-type": "application/grpc",
  te: "trailers",
};

/** Everything that comes back on a stream: headers and trailers in one. */
function answerOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve) => {
    const seen: IncomingHttpHeaders = {};
    stream.on("response", (headers) => Object.assign(seen, headers));
    stream.on("trailers", (headers) => Object.assign(seen, headers));
    stream.on("error", () => {});
    stream.on("close", () => resolve(seen));
    stream.resume();
  });
}

async function statusOfBytes(session: ClientHttp2Session, bytes: Uint8Array) {
  const stream = session.request(grpcHeaders);
  const answer = answerOf(stream);
  stream.end(bytes);
  return decodeStatus(await answer);
}

test("no content type, a wrong one and a wrong method are refused by HTTP status", async () => {
  await using t = setUp();
  const { "content-type": _, ...bare } = grpcHeaders;
  assert.equal((await answerOf(t.session.request(bare).end()))[":status"], 415);
  const json = { ...bare, "content-type": "application/json" };
  assert.equal((await answerOf(t.session.request(json).end()))[":status"], 415);
  const get = { ...grpcHeaders, ":method": "GET" };
  assert.equal((await answerOf(t.session.request(get).end()))[":status"], 405);
  await t.assertAlive();
});

test("a call without a message is an error, not a hang", async () => {
  await using t = setUp();
  assert.equal((await statusOfBytes(t.session, new Uint8Array()))?.code, 13);
});

test("a stream that ends inside a prefix or inside a message is an error", async () => {
  await using t = setUp();
  for (const bytes of [[0], [0, 0, 0, 0], [0, 0, 0, 0, 5, 1, 2]]) {
    const status = await statusOfBytes(t.session, new Uint8Array(bytes));
    assert.equal(status?.code, 13);
    assert.equal(status.message, "the stream ended inside a message");
  }
  await t.assertAlive();
});

test("a compressed message is unimplemented, another flag malformed", async () => {
  await using t = setUp();
  assert.equal((await statusOfBytes(t.session, new Uint8Array([1, 0, 0, 0, 0])))?.code, 12);
  assert.equal((await statusOfBytes(t.session, new Uint8Array([9, 0, 0, 0, 0])))?.code, 13);
});

test("a huge length is refused before its bytes arrive", async () => {
  await using t = setUp();
  const stream = t.session.request(grpcHeaders);
  const answer = answerOf(stream);
  stream.write(new Uint8Array([0, 0xff, 0xff, 0xff, 0xff]));
  assert.equal(decodeStatus(await answer)?.code, 8);
  await t.assertAlive();
});

test("bytes that are no message are an internal error with a plain sentence", async () => {
  await using t = setUp();
  const garbage = new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  const status = await statusOfBytes(t.session, concat(encodePrefix(garbage.length), garbage));
  assert.equal(status?.code, 13);
  assert.equal(status.message, "the message is no valid proto.GetRoleRequest");
});

test("a malformed timeout is refused", async () => {
  await using t = setUp();
  for (const timeout of ["", "1", "S", "123456789S", "-1S", "1.5S", "1s"]) {
    const stream = t.session.request({ ...grpcHeaders, "grpc-timeout": timeout });
    const answer = answerOf(stream);
    stream.end(encodePrefix(0));
    assert.equal(decodeStatus(await answer)?.code, 3, timeout);
  }
});

test("a stream that is reset inside a message ends its call only", async () => {
  await using t = setUp();
  for (let i = 0; i < 50; i++) {
    const stream = t.session.request(grpcHeaders);
    const closed = answerOf(stream);
    stream.write(new Uint8Array([0, 0, 0, 1, 0, 1, 2, 3]));
    stream.close(constants.NGHTTP2_CANCEL);
    await closed;
  }
  await t.assertAlive();
  for (const connection of t.server.connections) assert.equal(connection.calls, 0);
});

test("10 000 pings and 2 000 quick resets leave the server answering others", async () => {
  await using t = setUp();
  for (let i = 0; i < 10_000 && !t.session.destroyed; i++) {
    t.session.ping(() => {});
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < 2000 && !t.session.destroyed && !t.session.closed; i++) {
    const stream = t.session.request(grpcHeaders);
    stream.on("error", () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await t.assertAlive();
});

test("a connection that is no HTTP/2 is closed", async () => {
  await using t = setUp();
  const [ours, theirs] = openPair();
  t.server.accept(theirs, "mallory");
  const closed = new Promise((resolve) => ours.once("close", resolve));
  ours.on("error", () => {});
  ours.resume();
  ours.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10));
  await closed;
  await t.assertAlive();
});

test("a connection that is gone before it is accepted is forgotten", async () => {
  const server = new GrpcServer<string>();
  const [, theirs] = openPair();
  theirs.destroy();
  server.accept(theirs, "nobody");
  await server.close();
  assert.equal(server.connections.size, 0);
});

test("a caller that sends more than it may on one connection loses its stream, others go on", async () => {
  const server = new GrpcServer<string>();
  const started: (() => void)[] = [];
  server.register(AuthService, { ping: () => ({}) });
  server.registerRaw(AuthService.method.getRole, async (_, { signal }) => {
    started.pop()?.();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  const client = connectInMemory(server, "mallory");
  const calls = await Promise.all(
    Array.from({ length: 20 }, () => client.open("/proto.AuthService/GetRole")),
  );
  const piece = new Uint8Array(maxMessageBytes - 100);
  const outcomes = calls.map(async (call) => {
    await call.send(piece).catch(() => {});
    await call.send(piece).catch(() => {});
    return call.status;
  });
  const first = await Promise.race(outcomes);
  assert.equal(first.code, 8);
  const honest = connectInMemory(server, "alice");
  await createClient(AuthService, honest).ping({});
  await client.close();
  await honest.close();
  await server.close();
});

test("an answer that is no gRPC is an error of the client with a plain sentence", async () => {
  const { createServer } = await import("node:http2");
  const server = createServer((_, response) => {
    response.writeHead(503);
    response.end("busy");
  });
  const [ours, theirs] = openPair();
  server.emit("connection", theirs);
  const client = new GrpcClient(async () => ours);
  await assert.rejects(createClient(AuthService, client).ping({}), (error) => {
    assert.ok(isFault(error, "unavailable"));
    assert.equal(error.message, "the peer answered with HTTP status 503");
    return true;
  });
  await client.close();
});

test("the reader cuts any stream into its messages, however it is chopped", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
  fc.assert(
    fc.property(messages, fc.array(fc.nat(50), { maxLength: 100 }), (sent, cuts) => {
      const stream = concat(...sent.flatMap((m) => [encodePrefix(m.length), new Uint8Array(m)]));
      const reader = new MessageReader();
      const got: Uint8Array[] = [];
      const drain = () => {
        for (let m = reader.poll(); m; m = reader.poll()) got.push(new Uint8Array(m));
      };
      let at = 0;
      for (const cut of cuts) {
        reader.push(stream.subarray(at, at + cut));
        at = Math.min(at + cut, stream.length);
        drain();
      }
      reader.push(stream.subarray(at));
      drain();
      assert.deepEqual(
        got,
        sent.map((m) => new Uint8Array(m)),
      );
      assert.ok(reader.atBoundary);
      assert.equal(reader.buffered, 0);
    }),
  );
});

test("any text survives grpc-message, and bad encodings do not throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const sent = encodeText(text);
      assert.match(sent, /^[ -~]*$/);
      assert.equal(sent, sent.trim(), "HTTP drops spaces at the ends");
      assert.equal(decodeText(sent), text.toWellFormed());
    }),
  );
  for (const text of ["%", "%4", "%zz", "100% sure", "%ff%fe"]) decodeText(text);
  assert.equal(decodeText("100% sure"), "100% sure");
});

test("a peer's status is read without trust: text, huge numbers, fault codes that do not fit", () => {
  assert.equal(decodeStatus({}), undefined);
  assert.equal(decodeStatus({ "grpc-status": "x" })?.code, 2);
  assert.equal(decodeStatus({ "grpc-status": "99999" })?.code, 2);
  const denied = { "grpc-status": "7", "gatehouse-fault": "locked" };
  assert.equal(decodeStatus(denied)?.fault, "locked");
  for (const name of ["not-found", "constructor", "__proto__", "toString", ""]) {
    const status = decodeStatus({ ...denied, "gatehouse-fault": name });
    assert.ok(status);
    assert.equal(status.fault, undefined);
    assert.ok(isFault(faultOfStatus(status), "access-denied"));
  }
});

test("timeouts survive formatting, never rounded down", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e10, noNaN: true }), (ms) => {
      assert.ok(parseTimeout(formatTimeout(ms)) >= ms);
    }),
  );
});
