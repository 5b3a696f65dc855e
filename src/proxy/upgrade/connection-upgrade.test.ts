/** Streams through a balancer, against a real front door and web door on the loopback. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { WebSocketStream } from "#api/upgrade/web-socket-stream.ts";
import { systemClock } from "#base/clock.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { makeSelfSigned } from "../../../test/support/self-signed.ts";
import { openWebDoor } from "../doors/web.ts";
import { type Connection, FrontDoor, type FrontDoorLimits } from "../front-door.ts";
import type { WebOptions } from "../web/context.ts";
import { PingStream } from "./ping-stream.ts";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

const host = makeSelfSigned("host.test", systemClock, systemRandom);
const web = makeSelfSigned("web.test", systemClock, systemRandom);
const path = "/webapi/connectionupgrade";
const authName = "6578.teleport.cluster.local";

/** A port whose auth door says who comes, and whose web door is the real one. */
async function openPort(limits: Partial<FrontDoorLimits> = {}): Promise<number> {
  let door: FrontDoor | undefined;
  const webDoor = openWebDoor({
    login: {} as WebOptions["login"],
    sessions: {} as WebOptions["sessions"],
    devices: {} as WebOptions["devices"],
    publicAddress: () => "localhost:1",
    logger: silentLogger,
    acceptUpgraded: (stream, from) => door?.acceptUpgraded(stream, from),
  });
  const answer = ({ socket, door: name, remoteAddress }: Connection) => {
    socket.end(`${name} ${remoteAddress} ${socket.remoteAddress} ${socket.authorized}`);
  };
  const echo = ({ socket }: Connection) => void socket.pipe(socket);
  door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port: 0 },
    hostCertificate: host,
    webCertificate: web,
    clientAuthorities: [host.certificate],
    doors: { auth: answer, transport: echo, web: webDoor.accept },
    logger: silentLogger,
    limits,
  });
  const { port } = door;
  closing.push(() => door?.close());
  return port;
}

/** Asks for an upgrade; gives the answer, and the stream when there is one. */
async function ask(
  port: number,
  headers: Readonly<Record<string, string | string[]>>,
  {
    method = "GET",
    createConnection,
  }: { method?: string; createConnection?: () => TLSSocket } = {},
): Promise<{ answer: IncomingMessage; stream: Duplex | undefined }> {
  const asked = request({
    host: "127.0.0.1",
    port,
    path,
    method,
    headers: { connection: "Upgrade", ...headers },
    rejectUnauthorized: false,
    ...(createConnection ? { createConnection } : {}),
  });
  asked.end();
  const { promise, resolve, reject } = Promise.withResolvers<{
    answer: IncomingMessage;
    stream: Duplex | undefined;
  }>();
  asked.once("error", reject);
  asked.once("response", (answer) => resolve({ answer, stream: undefined }));
  asked.once("upgrade", (answer, stream, head) => {
    if (head.length > 0) stream.unshift(head);
    closing.push(() => stream.destroy());
    resolve({ answer, stream });
  });
  return promise;
}

/** Begins TLS inside a stream. */
async function within(stream: Duplex, protocols: string[], identity = {}): Promise<TLSSocket> {
  const socket = connect({
    socket: stream,
    servername: authName,
    ALPNProtocols: protocols,
    rejectUnauthorized: false,
    ...identity,
  });
  await once(socket, "secureConnect");
  return socket;
}

async function webSocket(port: number, protocols: string[]): Promise<Duplex> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, {
    rejectUnauthorized: false,
  });
  closing.push(() => socket.terminate());
  await once(socket, "open");
  return new WebSocketStream(socket);
}

const forms: Readonly<Record<string, (port: number) => Promise<Duplex>>> = {
  "the bare stream": async (port) => {
    const { answer, stream } = await ask(port, { upgrade: "alpn" });
    assert.equal(answer.headers.upgrade, "alpn");
    assert.equal(answer.headers["x-teleport-upgrade"], "alpn");
    return stream ?? assert.fail("no upgrade");
  },
  "frames with signs of life": async (port) => {
    const { stream } = await ask(port, { upgrade: "x", "x-teleport-upgrade": "alpn-ping" });
    const framed = new PingStream(stream ?? assert.fail("no upgrade"));
    closing.push(() => framed.destroy());
    return framed;
  },
  "a WebSocket": (port) => webSocket(port, ["alpn"]),
  "a WebSocket with signs of life": (port) => webSocket(port, ["alpn-ping"]),
};

for (const [name, open] of Object.entries(forms)) {
  test(`through ${name}: the door, the certificate and the address of the person arrive`, async () => {
    const port = await openPort();
    const identity = { cert: host.certificate, key: host.privateKey };
    const socket = await within(await open(port), [`teleport-auth@${authName}`, "h2"], identity);
    assert.equal(socket.alpnProtocol, "h2");
    assert.equal(await text(socket), "auth 127.0.0.1 127.0.0.1 true");
  });

  test(`through ${name}: a megabyte arrives unchanged, both ways`, async () => {
    const port = await openPort();
    const socket = await within(await open(port), ["teleport-proxy-ssh-grpc"]);
    const sent = Buffer.from(systemRandom(1024 * 1024));
    const received = createHash("sha256");
    let length = 0;
    const all = new Promise<void>((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        received.update(chunk);
        length += chunk.length;
        if (length === sent.length) resolve();
      });
    });
    socket.write(sent);
    await all;
    assert.equal(received.digest("hex"), createHash("sha256").update(sent).digest("hex"));
    socket.destroy();
  });
}

test("both headers and several forms at once: the WebSocket is taken", async () => {
  const port = await openPort();
  const { answer } = await ask(port, {
    upgrade: "websocket, alpn",
    "x-teleport-upgrade": "alpn",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
    "sec-websocket-protocol": "alpn",
  });
  assert.equal(answer.statusCode, 101);
  assert.equal(answer.headers.upgrade, "websocket");
  assert.equal(answer.headers["sec-websocket-protocol"], "alpn");
});

const refused: readonly [string, Readonly<Record<string, string>>, string, number][] = [
  ["another form", { upgrade: "h2c" }, "GET", 400],
  ["another method", { upgrade: "alpn" }, "POST", 405],
  ["a WebSocket without a subprotocol", { upgrade: "websocket" }, "GET", 400],
  [
    "a WebSocket with another subprotocol",
    { upgrade: "websocket", "sec-websocket-protocol": "chat" },
    "GET",
    400,
  ],
  [
    "a WebSocket without a key",
    { upgrade: "websocket", "sec-websocket-protocol": "alpn", "sec-websocket-version": "13" },
    "GET",
    400,
  ],
];

for (const [name, headers, method, status] of refused) {
  test(`${name} is refused`, async () => {
    const { answer } = await ask(await openPort(), headers, { method });
    assert.equal(answer.statusCode, status);
    answer.resume();
  });
}

test("a request without Upgrade says what is missing", async () => {
  const port = await openPort();
  const { answer } = await ask(port, { connection: "close" });
  assert.equal(answer.statusCode, 400);
  assert.match(await text(answer), /Upgrade header/);
});

test("inside an upgraded stream there is no further upgrade, and no server name is needed", async () => {
  const port = await openPort();
  const { stream } = await ask(port, { upgrade: "alpn" });
  const inner = connect({
    socket: stream ?? assert.fail("no upgrade"),
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: false,
  });
  await once(inner, "secureConnect");
  const { answer } = await ask(port, { upgrade: "alpn" }, { createConnection: () => inner });
  assert.equal(answer.statusCode, 400);
  answer.resume();
  inner.destroy();
});

test("whoever begins no TLS inside is cut off, as on the port itself", async () => {
  const port = await openPort({ handshakeMs: 100 });
  const { stream } = await ask(port, { upgrade: "alpn" });
  assert.ok(stream);
  stream.resume();
  await once(stream, "close");
  const garbage = await ask(port, { upgrade: "alpn-ping" });
  garbage.stream?.resume().write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
  await once(garbage.stream ?? assert.fail("no upgrade"), "close");
});

test("upgraded streams count against the strangers of their address", async () => {
  const port = await openPort({ strangersPerAddress: 2 });
  const [first] = await Promise.all([
    ask(port, { upgrade: "alpn" }),
    ask(port, { upgrade: "alpn" }),
  ]);
  await assert.rejects(ask(port, { upgrade: "alpn" }));
  first.stream?.destroy();
  await once(first.stream ?? assert.fail("no upgrade"), "close");
  for (;;) {
    const again = await ask(port, { upgrade: "alpn" }).catch(() => undefined);
    if (again) break;
  }
});

test("text ends the WebSocket", async () => {
  const port = await openPort();
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, ["alpn"], {
    rejectUnauthorized: false,
  });
  await once(socket, "open");
  socket.send("text");
  const [code] = (await once(socket, "close")) as [number];
  assert.equal(code, 1003);
});

test("a frame that is too long ends the WebSocket", async () => {
  const port = await openPort();
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, ["alpn"], {
    rejectUnauthorized: false,
  });
  await once(socket, "open");
  socket.send(Buffer.alloc(300 * 1024));
  const [code] = (await once(socket, "close")) as [number];
  assert.equal(code, 1009);
});
