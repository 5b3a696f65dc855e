import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { connectInMemory, openPair } from "#api/grpc/memory-pair.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import { Fault, isFault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { PingResponseSchema } from "#gen/proto/features_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";

interface Peer {
  readonly name: string;
}

/** A server with one method of each kind, and a client beside it. */
function setUp(options: ConstructorParameters<typeof GrpcServer<Peer>>[0] = {}) {
  const server = new GrpcServer<Peer>(options);
  const client = connectInMemory(server, { name: "alice" });
  return {
    server,
    client,
    auth: createClient(AuthService, client),
    devices: createClient(DeviceTrustService, client),
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

test("a unary call carries request, answer, metadata and peer", async () => {
  await using t = setUp();
  t.server.register(AuthService, {
    ping: (_, context) => ({ ClusterName: `${context.peer.name} ${context.metadata["version"]}` }),
  });
  const answer = await t.auth.ping({}, { metadata: { version: "17.1.0" } });
  assert.equal(answer.ClusterName, "alice 17.1.0");
});

test("an answer that came whole is read also by a caller who looks only after the call is over", async () => {
  await using t = setUp();
  t.server.register(AuthService, { ping: () => ({ ClusterName: "here" }) });
  const call = await t.client.open("/proto.AuthService/Ping", {});
  await call.send(new Uint8Array());
  call.finishSending();
  const { stream } = call.channel;
  if (!stream.closed) await once(stream, "close");
  const bytes = await call.receive();
  assert.ok(bytes);
  assert.equal(fromBinary(PingResponseSchema, bytes).ClusterName, "here");
  assert.equal(await call.receive(), undefined);
});

test("a fault keeps its code, sentence and hint, and its audit fields stay here", async () => {
  await using t = setUp();
  t.server.register(AuthService, {
    getRole: ({ Name }) => {
      throw new Fault("device-required", `rôle ${Name} 100%\nneeds a device`, {
        hint: "enroll it",
        audit: { secret: "no" },
      });
    },
  });
  await assert.rejects(t.auth.getRole({ Name: "x" }), (error) => {
    assert.ok(isFault(error, "device-required"));
    assert.equal(error.message, "rôle x 100%\nneeds a device");
    assert.equal(error.hint, "enroll it");
    assert.deepEqual(error.audit, {});
    return true;
  });
});

test("what is no fault reaches the log with a reference and the caller without the cause", async () => {
  const lines: string[] = [];
  const write = (message: string, fields?: object) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log = { debug() {}, info() {}, warn() {}, error: write, child: () => log };
  await using t = setUp({ log });
  t.server.register(AuthService, {
    ping: () => {
      throw new TypeError("the password is hunter2");
    },
  });
  await assert.rejects(t.auth.ping({}), (error) => {
    assert.ok(isFault(error, "internal"));
    const reference = /^internal error, reference (\S{36})$/.exec(error.message)?.[1];
    assert.ok(reference && lines.some((line) => line.includes(reference)));
    return true;
  });
});

test("a method that nobody serves is unimplemented", async () => {
  await using t = setUp();
  await assert.rejects(t.auth.ping({}), (error) => {
    assert.ok(isFault(error, "unimplemented"));
    assert.equal(error.message, "unknown method Ping for service proto.AuthService");
    return true;
  });
});

test("a server stream delivers every message, and its error after them", async () => {
  await using t = setUp();
  t.server.register(AuthService, {
    async *getCurrentUserRoles() {
      for (let i = 0; i < 3; i++) yield { Version: `v${i}` };
      throw new Fault("unavailable", "no more");
    },
  });
  const seen: string[] = [];
  const read = async () => {
    for await (const role of t.auth.getCurrentUserRoles({})) seen.push(role.Version);
  };
  await assert.rejects(read(), (error) => isFault(error, "unavailable"));
  assert.deepEqual(seen, ["v0", "v1", "v2"]);
});

test("a caller that leaves a stream ends the handler", async () => {
  await using t = setUp();
  const ended = Promise.withResolvers<unknown>();
  t.server.register(AuthService, {
    async *getCurrentUserRoles(_, { signal }) {
      yield { Version: "v1" };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended.resolve(signal.reason);
    },
  });
  for await (const _ of t.auth.getCurrentUserRoles({})) break;
  assert.ok(isFault(await ended.promise, "canceled"));
});

test("a ceremony alternates over one call", async () => {
  await using t = setUp();
  t.server.register(DeviceTrustService, {
    async authenticateDevice(stream) {
      const init = await stream.receive();
      assert.equal(init?.payload.case, "init");
      await stream.send({
        payload: { case: "challenge", value: { challenge: new Uint8Array([7]) } },
      });
      const answer = await stream.receive();
      assert.ok(answer?.payload.case === "challengeResponse");
      const sshAuthorizedKey = answer.payload.value.signature;
      await stream.send({ payload: { case: "userCertificates", value: { sshAuthorizedKey } } });
    },
  });
  const call = await t.devices.authenticateDevice();
  await call.send({ payload: { case: "init", value: {} } });
  const challenge = await call.receive();
  assert.ok(challenge?.payload.case === "challenge");
  const signature = challenge.payload.value.challenge;
  await call.send({ payload: { case: "challengeResponse", value: { signature } } });
  const result = await call.receive();
  assert.ok(result?.payload.case === "userCertificates");
  assert.deepEqual([...result.payload.value.sshAuthorizedKey], [7]);
  assert.equal(await call.receive(), undefined);
});

test("an error before the first answer of a bidirectional call is the error of the call", async () => {
  await using t = setUp();
  t.server.register(DeviceTrustService, {
    enrollDevice: async () => {
      throw new Fault("access-denied", "token is spent");
    },
  });
  const call = await t.devices.enrollDevice();
  await assert.rejects(call.receive(), (error) => isFault(error, "access-denied"));
});

test("a deadline ends the call on both sides", async () => {
  await using t = setUp();
  const reason = Promise.withResolvers<unknown>();
  t.server.register(AuthService, {
    ping: async (_, { signal, deadline }) => {
      assert.ok(deadline instanceof Date);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason.resolve(signal.reason);
      return {};
    },
  });
  await assert.rejects(t.auth.ping({}, { timeoutMs: 30 }), (error) => isFault(error, "timeout"));
  assert.ok(isFault(await reason.promise, "timeout", "canceled"));
});

test("the server keeps the deadline even when the client does not", async () => {
  await using t = setUp();
  t.server.register(AuthService, { ping: () => new Promise(() => {}) });
  const call = await t.client.open("/proto.AuthService/Ping", {
    metadata: { "grpc-timeout": "20m" },
  });
  await call.send(new Uint8Array());
  assert.equal((await call.status).code, 4);
});

test("a caller's own signal cancels", async () => {
  await using t = setUp();
  const canceled = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  t.server.register(AuthService, {
    ping: async (_, { signal }) => {
      signal.addEventListener("abort", () => canceled.resolve());
      started.resolve();
      await canceled.promise;
      return {};
    },
  });
  const control = new AbortController();
  const pending = t.auth.ping({}, { signal: control.signal });
  await started.promise;
  control.abort();
  await assert.rejects(pending, (error) => isFault(error, "canceled"));
  await canceled.promise;
  await assert.rejects(t.auth.ping({}, { signal: control.signal }));
});

test("the interceptor refuses a call before its handler runs", async () => {
  let locked = false;
  await using t = setUp({
    intercept: ({ peer }) => {
      if (locked) throw new Fault("locked", `${peer.name} is locked`);
    },
  });
  let runs = 0;
  t.server.register(AuthService, {
    ping: () => {
      runs++;
      return {};
    },
  });
  await t.auth.ping({});
  locked = true;
  await assert.rejects(t.auth.ping({}), (error) => isFault(error, "locked"));
  assert.equal(runs, 1);
});

test("messages of 4 MiB pass, one byte more is refused on either side", async () => {
  await using t = setUp();
  const big = "x".repeat(4 * 1024 * 1024 - 5);
  let answer = "";
  t.server.register(AuthService, {
    getDomainName: () => ({ DomainName: answer }),
    getRole: ({ Name }) => ({ Version: String(Name.length) }),
  });
  assert.equal((await t.auth.getRole({ Name: big })).Version, String(big.length));
  await assert.rejects(
    t.auth.getRole({ Name: `${big}x` }),
    (error) => isFault(error, "limit") && /^divide what is sent/.test(error.hint ?? ""),
  );
  answer = big;
  assert.equal((await t.auth.getDomainName({})).DomainName.length, big.length);
  answer = `${big}x`;
  await assert.rejects(t.auth.getDomainName({}), (error) => isFault(error, "limit"));
});

test("many calls share a connection", async () => {
  await using t = setUp();
  t.server.register(AuthService, { getRole: ({ Name }) => ({ Version: Name }) });
  const names = Array.from({ length: 500 }, (_, i) => `role-${i}`);
  const answers = await Promise.all(names.map((Name) => t.auth.getRole({ Name })));
  assert.deepEqual(
    answers.map((role) => role.Version),
    names,
  );
  assert.equal(t.server.connections.size, 1);
});

test("closing a peer's connection ends its calls with the reason, and the client connects anew", async () => {
  await using t = setUp();
  const started = Promise.withResolvers<void>();
  t.server.register(AuthService, {
    ping: () => ({}),
    getDomainName: () => {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const pending = t.auth.getDomainName({});
  await started.promise;
  for (const connection of t.server.connections) {
    assert.equal(connection.calls, 1);
    if (connection.peer.name === "alice") connection.close(new Fault("locked", "locked now"));
  }
  await assert.rejects(pending, (error) => {
    assert.ok(isFault(error, "locked"));
    assert.equal(error.message, "locked now");
    return true;
  });
  await t.auth.ping({});
});

test("a closing server answers unavailable and closes its connections", async () => {
  const t = setUp();
  const started = Promise.withResolvers<void>();
  t.server.register(AuthService, {
    getDomainName: () => {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const pending = t.auth.getDomainName({});
  await started.promise;
  const closing = t.server.close();
  await assert.rejects(pending, (error) => isFault(error, "unavailable"));
  await closing;
  assert.equal(t.server.connections.size, 0);
  await t.client.close();
});

test("a client whose connection fails says so and tries again at the next call", async () => {
  const server = new GrpcServer<Peer>();
  server.register(AuthService, { ping: () => ({ ClusterName: "c" }) });
  let attempts = 0;
  const client = new GrpcClient(async () => {
    attempts++;
    if (attempts === 1) throw new TypeError("no route");
    const [ours, theirs] = openPair();
    server.accept(theirs, { name: "bob" });
    return ours;
  });
  const auth = createClient(AuthService, client);
  await assert.rejects(auth.ping({}), (error) => {
    assert.ok(isFault(error, "unavailable"));
    assert.equal(error.message, "cannot connect: no route");
    return true;
  });
  assert.equal((await auth.ping({})).ClusterName, "c");
  await client.close();
  await assert.rejects(auth.ping({}), (error) => isFault(error, "unavailable"));
  await server.close();
});

test("a call on a connection that breaks is unavailable", async () => {
  const server = new GrpcServer<Peer>();
  const started = Promise.withResolvers<void>();
  server.register(AuthService, {
    ping: () => {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const [ours, theirs] = openPair();
  server.accept(theirs, { name: "bob" });
  const client = new GrpcClient(async () => ours);
  const pending = createClient(AuthService, client).ping({});
  await started.promise;
  theirs.destroy();
  await assert.rejects(pending, (error) => isFault(error, "unavailable"));
  await client.close();
  await server.close();
});

test("unknown fields of a message survive a round trip", async () => {
  await using t = setUp();
  const { RoleV6Schema } = await import("#gen/types/role_pb.ts");
  t.server.register(AuthService, {
    createRole: ({ Role }) => Role ?? create(RoleV6Schema),
  });
  const unknown = { no: 4711, wireType: 0, data: new Uint8Array([5]) };
  const role = create(RoleV6Schema, { Kind: "role" });
  role.$unknown = [unknown];
  const answer = await t.auth.createRole({ Role: role });
  assert.equal(answer.$unknown?.[0]?.no, 4711);
});
