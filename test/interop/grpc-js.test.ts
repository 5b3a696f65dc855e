/** `@grpc/grpc-js` judges the gRPC layer: as a client of our server, and as a server for our client. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, connect as dial } from "node:net";
import { test } from "node:test";
import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { GrpcServer, pathOf } from "#api/grpc/server.ts";
import { Fault, isFault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { TransportService } from "#gen/teleport/transport/v1/service_pb.ts";

/** The definition of a service as grpc-js wants it, with messages encoded by our generated types. */
function definitionOf(service: DescService): grpc.ServiceDefinition {
  const definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
  const encoder = (schema: DescMessage) => (message: unknown) =>
    Buffer.from(toBinary(schema, create(schema, message as Record<string, unknown>)));
  const decoder = (schema: DescMessage) => (bytes: Buffer) => fromBinary(schema, bytes);
  for (const method of service.methods) {
    definition[method.localName] = {
      path: pathOf(method),
      requestStream:
        method.methodKind === "bidi_streaming" || method.methodKind === "client_streaming",
      responseStream:
        method.methodKind === "bidi_streaming" || method.methodKind === "server_streaming",
      requestSerialize: encoder(method.input),
      requestDeserialize: decoder(method.input),
      responseSerialize: encoder(method.output),
      responseDeserialize: decoder(method.output),
    };
  }
  return definition;
}

// biome-ignore lint/suspicious/noExplicitAny: grpc-js builds its clients at run time
type AnyClient = any;

/** Our server on a port, and a grpc-js client of it. */
async function ourServer() {
  const server = new GrpcServer<string>();
  const listener = createServer((socket) => server.accept(socket, "someone"));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const clientOf = (service: DescService): AnyClient => {
    const Client = grpc.makeClientConstructor(definitionOf(service), service.name);
    return new Client(address, grpc.credentials.createInsecure());
  };
  const auth = clientOf(AuthService);
  const transport = clientOf(TransportService);
  return {
    server,
    auth,
    transport,
    async [Symbol.asyncDispose]() {
      auth.close();
      transport.close();
      await server.close();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** Calls a unary method of a grpc-js client. */
function call(client: AnyClient, name: string, request: object, options: object = {}) {
  return new Promise<AnyClient>((resolve, reject) => {
    client[name](request, new grpc.Metadata(), options, (error: unknown, answer: unknown) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

test("grpc-js calls our server: unary, and a 4 MB message both ways", async () => {
  await using t = await ourServer();
  t.server.register(AuthService, { getRole: ({ Name }) => ({ Version: Name }) });
  assert.equal((await call(t.auth, "getRole", { Name: "access" })).Version, "access");
  const big = "x".repeat(4_000_000);
  assert.equal((await call(t.auth, "getRole", { Name: big })).Version.length, big.length);
});

test("grpc-js reads our errors: code and text", async () => {
  await using t = await ourServer();
  t.server.register(AuthService, {
    getRole: () => {
      throw new Fault("not-found", "rôle 100% is not found");
    },
    ping: () => {
      throw new TypeError("secret");
    },
  });
  await assert.rejects(call(t.auth, "getRole", {}), (error: grpc.ServiceError) => {
    assert.equal(error.code, grpc.status.NOT_FOUND);
    assert.equal(error.details, "rôle 100% is not found");
    return true;
  });
  await assert.rejects(call(t.auth, "ping", {}), { code: grpc.status.INTERNAL });
  await assert.rejects(call(t.auth, "getUser", {}), { code: grpc.status.UNIMPLEMENTED });
  const tooBig = { Name: "x".repeat(5_000_000) };
  await assert.rejects(call(t.auth, "getRole", tooBig), { code: grpc.status.RESOURCE_EXHAUSTED });
});

test("a deadline of grpc-js reaches our handler", async () => {
  await using t = await ourServer();
  const seen = Promise.withResolvers<Date | undefined>();
  t.server.register(AuthService, {
    ping: (_, context) => {
      seen.resolve(context.deadline);
      return new Promise(() => {});
    },
  });
  const deadline = new Date(Date.now() + 100);
  await assert.rejects(call(t.auth, "ping", {}, { deadline }), {
    code: grpc.status.DEADLINE_EXCEEDED,
  });
  assert.ok((await seen.promise) instanceof Date);
});

test("grpc-js reads our server stream and its late error", async () => {
  await using t = await ourServer();
  t.server.register(AuthService, {
    async *getCurrentUserRoles() {
      for (let i = 0; i < 1000; i++) yield { Version: String(i) };
      throw new Fault("conflict", "changed");
    },
  });
  let count = 0;
  const stream = t.auth.getCurrentUserRoles({});
  await assert.rejects(
    async () => {
      for await (const role of stream) assert.equal(role.Version, String(count++));
    },
    { code: grpc.status.FAILED_PRECONDITION },
  );
  assert.equal(count, 1000);
});

test("grpc-js and our server exchange 64 MB on one bidirectional call", async () => {
  await using t = await ourServer();
  t.server.register(TransportService, {
    async proxySSH(stream) {
      for await (const request of stream) {
        if (request.frame.case === "ssh") await stream.send({ frame: request.frame });
      }
    },
  });
  const stream = t.transport.proxySSH();
  const payload = new Uint8Array(64 * 1024).fill(7);
  const frame = { frame: { case: "ssh", value: { payload } } };
  const total = 1024;
  let sent = 0;
  const feed = () => {
    while (sent < total) {
      sent++;
      if (!stream.write(frame)) return void stream.once("drain", feed);
    }
    stream.end();
  };
  feed();
  let received = 0;
  for await (const answer of stream) received += answer.frame.value.payload.length;
  assert.equal(received, total * payload.length);
});

test("grpc-js cancels, and our handler notices", async () => {
  await using t = await ourServer();
  const reason = Promise.withResolvers<unknown>();
  t.server.register(AuthService, {
    async *getCurrentUserRoles(_, { signal }) {
      yield { Version: "v1" };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason.resolve(signal.reason);
    },
  });
  const stream = t.auth.getCurrentUserRoles({});
  stream.on("error", () => {});
  stream.on("data", () => stream.cancel());
  assert.ok(isFault(await reason.promise, "canceled"));
});

/** A grpc-js server on a port, and our client of it. */
async function theirServer(service: DescService, handlers: grpc.UntypedServiceImplementation) {
  const server = new grpc.Server();
  server.addService(definitionOf(service), handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const client = new GrpcClient(
    () =>
      new Promise((resolve, reject) => {
        const socket = dial(port, "127.0.0.1", () => resolve(socket));
        socket.once("error", reject);
      }),
  );
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      server.forceShutdown();
    },
  };
}

test("our client calls a grpc-js server: answers, errors, deadlines, big messages", async () => {
  await using t = await theirServer(AuthService, {
    getRole: (request: AnyClient, reply: AnyClient) => {
      const { Name } = request.request;
      if (Name === "none") reply({ code: grpc.status.NOT_FOUND, details: "rôle is not found" });
      else if (Name !== "slow") reply(null, { Version: Name });
    },
  });
  const auth = createClient(AuthService, t.client);
  assert.equal((await auth.getRole({ Name: "access" })).Version, "access");
  const big = "y".repeat(4_000_000);
  assert.equal((await auth.getRole({ Name: big })).Version.length, big.length);
  await assert.rejects(auth.getRole({ Name: "none" }), (error) => {
    assert.ok(isFault(error, "not-found"));
    assert.equal(error.message, "rôle is not found");
    return true;
  });
  await assert.rejects(auth.getRole({ Name: "slow" }, { timeoutMs: 50 }), (error) =>
    isFault(error, "timeout"),
  );
  await assert.rejects(auth.ping({}), (error) => isFault(error, "unimplemented"));
});

test("our client reads a grpc-js server stream", async () => {
  await using t = await theirServer(AuthService, {
    getCurrentUserRoles: (stream: AnyClient) => {
      for (let i = 0; i < 500; i++) stream.write({ Version: String(i) });
      stream.end();
    },
  });
  let count = 0;
  for await (const role of createClient(AuthService, t.client).getCurrentUserRoles({})) {
    assert.equal(role.Version, String(count++));
  }
  assert.equal(count, 500);
});

test("our client and a grpc-js server alternate over one call", async () => {
  await using t = await theirServer(TransportService, {
    proxySSH: (stream: AnyClient) => {
      stream.on("data", (request: object) => stream.write(request));
      stream.on("end", () => stream.end());
    },
  });
  const call = await createClient(TransportService, t.client).proxySSH();
  for (let i = 0; i < 100; i++) {
    await call.send({ frame: { case: "ssh", value: { payload: new Uint8Array([i]) } } });
    const answer = await call.receive();
    assert.ok(answer?.frame.case === "ssh");
    assert.deepEqual([...answer.frame.value.payload], [i]);
  }
  call.finishSending();
  assert.equal(await call.receive(), undefined);
});
