import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { DirectAccess } from "#client/direct-access.ts";
import { connectNode } from "#client/ssh/connect.ts";
import {
  type Endpoint,
  forwardDynamic,
  forwardedHandler,
  forwardLocal,
  parseDynamic,
  parseForward,
} from "#client/ssh/forward.ts";
import { nodeName } from "../../../test/support/client/fake-cluster.ts";
import { startTestHome } from "../../../test/support/client/tsh.ts";

async function start(context: TestContext, forwards = new Map<number, Endpoint>()) {
  const home = await startTestHome();
  const access = new DirectAccess({ login: home.login, device: undefined });
  const connection = await connectNode({
    login: home.login,
    access,
    target: { host: nodeName, port: 0, login: "root" },
    onForwardedTcpip: forwardedHandler(forwards),
  });
  context.after(async () => {
    connection.close();
    access.close();
    await home.close();
  });
  return connection;
}

/** A service that answers a line in capitals and ends. */
async function startService(context: TestContext): Promise<Endpoint> {
  const server = createServer((socket) => {
    let line = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      line += part;
      if (line.endsWith("\n")) socket.end(line.toUpperCase());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return { host: "127.0.0.1", port: portOf(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

async function ask(port: number, question: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(`${question}\n`);
  return (await text(socket)).trim();
}

test("-L carries a local port to where the node reaches", async (context) => {
  const connection = await start(context);
  const service = await startService(context);
  const listen = { host: "127.0.0.1", port: 0 };
  const forward = await forwardLocal(connection, { listen, connect: service });
  context.after(() => forward.close());
  const questions = ["one", "two", "three".repeat(1000)];
  const answers = await Promise.all(questions.map((question) => ask(forward.port, question)));
  assert.deepEqual(
    answers,
    questions.map((question) => question.toUpperCase()),
  );
});

test("-L: a connection that the node refuses ends, and the forward goes on", async (context) => {
  const connection = await start(context);
  const listen = { host: "127.0.0.1", port: 0 };
  const nowhere = { host: "127.0.0.1", port: 1 };
  const forward = await forwardLocal(connection, { listen, connect: nowhere });
  context.after(() => forward.close());
  for (let i = 0; i < 2; i++) {
    const socket = connect({ port: forward.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    await once(socket, "close");
  }
});

test("-L: a port that is in use is named", async (context) => {
  const connection = await start(context);
  const service = await startService(context);
  await assert.rejects(
    forwardLocal(connection, { listen: service, connect: service }),
    (error) => isFault(error, "environment") && /the port is in use/.test(error.message),
  );
});

test("-R carries a port of the node to here; another port is refused", async (context) => {
  const forwards = new Map<number, Endpoint>();
  const connection = await start(context, forwards);
  const port = await connection.requestForward({ address: "127.0.0.1", port: 0 });
  forwards.set(port, await startService(context));
  assert.equal(await ask(port, "hello"), "HELLO");
  const other = await connection.requestForward({ address: "127.0.0.1", port: 0 });
  const socket = connect({ port: other, host: "127.0.0.1" });
  socket.on("error", () => {});
  await once(socket, "close");
});

test("-D is a SOCKS5 proxy", async (context) => {
  const connection = await start(context);
  const service = await startService(context);
  const proxy = await forwardDynamic(connection, { host: "127.0.0.1", port: 0 });
  context.after(() => proxy.close());
  const socket = connect({ port: proxy.port, host: "127.0.0.1" });
  const port = [service.port >> 8, service.port & 0xff];
  socket.write(
    Buffer.concat([
      Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, ...port]),
      Buffer.from("hello\n"),
    ]),
  );
  const answer = await buffer(socket);
  assert.deepEqual([...answer.subarray(0, 4)], [5, 0, 5, 0]);
  assert.equal(answer.subarray(12).toString(), "HELLO\n");
});

for (const [name, bytes] of [
  ["SOCKS4", [4, 1, 0, 80, 127, 0, 0, 1, 0]],
  ["a password only", [5, 1, 2]],
  ["BIND", [5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80]],
  ["an unknown address type", [5, 1, 0, 5, 1, 0, 9, 0, 0]],
  ["a request that is cut short", [5, 1, 0, 5, 1]],
] as const) {
  test(`-D: ${name} ends the connection and nothing else`, async (context) => {
    const connection = await start(context);
    const proxy = await forwardDynamic(connection, { host: "127.0.0.1", port: 0 });
    context.after(() => proxy.close());
    const socket = connect({ port: proxy.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.end(Buffer.from(bytes));
    socket.resume();
    await once(socket, "close");
    await connection.ping();
  });
}

test("forwards are read with and without an address to bind to", () => {
  assert.deepEqual(parseForward("8080:localhost:80"), {
    listen: { host: "127.0.0.1", port: 8080 },
    connect: { host: "localhost", port: 80 },
  });
  assert.deepEqual(parseForward("[::1]:8080:[fe80::1]:80"), {
    listen: { host: "::1", port: 8080 },
    connect: { host: "fe80::1", port: 80 },
  });
  assert.deepEqual(parseForward("*:8080:db:5432").listen, { host: "0.0.0.0", port: 8080 });
  assert.deepEqual(parseDynamic("1080"), { host: "127.0.0.1", port: 1080 });
  for (const bad of ["", "80", "80:host", "a:b:c", "1:2:3:4:5", "80::80", "99999:h:1"]) {
    assert.throws(
      () => parseForward(bad),
      (error) => isFault(error, "usage"),
      bad,
    );
  }
});
