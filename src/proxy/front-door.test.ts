import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { systemClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { makeSelfSigned } from "../../test/support/self-signed.ts";
import { type Connection, FrontDoor, type FrontDoorLimits } from "./front-door.ts";
import type { Door } from "./routes.ts";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

const host = makeSelfSigned("host.test", systemClock, systemRandom);
const web = makeSelfSigned("web.test", systemClock, systemRandom);

/** A front door on the loopback whose doors answer with their own name and end. */
async function openDoor(limits: Partial<FrontDoorLimits> = {}, port = 0) {
  const seen: Connection[] = [];
  const answer = (connection: Connection) => {
    seen.push(connection);
    connection.socket.end(connection.door);
  };
  const names: Door[] = ["auth", "transport", "tunnel", "agent", "probe", "web"];
  const door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port },
    hostCertificate: host,
    webCertificate: web,
    clientAuthorities: [host.certificate],
    doors: Object.fromEntries(names.map((name) => [name, answer])),
    logger: silentLogger,
    limits,
  });
  closing.push(() => door.close());
  return { door, seen };
}

/** Finishes a handshake; the certificate is looked at by the test itself. */
async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
  closing.push(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

const hex = "6578.teleport.cluster.local";

const routes: readonly [string, string[], string, string | false, string][] = [
  [hex, [`teleport-auth@${hex}`, "h2"], "auth", "h2", "host.test"],
  [hex, ["teleport-proxy-ssh-grpc", "h2"], "transport", "teleport-proxy-ssh-grpc", "host.test"],
  [hex, ["gatehouse-tunnel"], "tunnel", "gatehouse-tunnel", "host.test"],
  ["proxy.example.com", ["teleport-reversetunnel"], "probe", "teleport-reversetunnel", "web.test"],
  ["proxy.example.com", ["h2", "http/1.1"], "web", "http/1.1", "web.test"],
];

test("each client gets the door, the protocol and the certificate that its hello asks for", async () => {
  const { door } = await openDoor();
  for (const [servername, protocols, name, selected, subject] of routes) {
    const socket = await handshake(door.port, { servername, ALPNProtocols: protocols });
    assert.equal(socket.alpnProtocol, selected);
    assert.equal(socket.getPeerCertificate().subject.CN, subject);
    assert.equal(await text(socket), name);
  }
});

test("a client that offers no protocol at all speaks HTTP/1.1", async () => {
  const { door, seen } = await openDoor();
  const socket = await handshake(door.port, { servername: "proxy.example.com" });
  assert.equal(await text(socket), "web");
  assert.equal(seen[0]?.protocol, "http/1.1");
});

test("a client that names no server, as one that dials an address, is served all the same", async () => {
  const { door } = await openDoor();
  const socket = await handshake(door.port, { ALPNProtocols: ["h2", "http/1.1"] });
  assert.equal(await text(socket), "web");
});

test("an unknown protocol is refused in the handshake", async () => {
  const { door } = await openDoor();
  await assert.rejects(
    handshake(door.port, { servername: "proxy.example.com", ALPNProtocols: ["ftp"] }),
    { code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" },
  );
});

test("a client certificate of a stranger is delivered, and marked as not authorized", async () => {
  const { door, seen } = await openDoor();
  const options = { servername: hex, ALPNProtocols: ["gatehouse-tunnel"] };
  const socket = await handshake(door.port, {
    ...options,
    cert: web.certificate,
    key: web.privateKey,
  });
  await text(socket);
  assert.equal(seen[0]?.socket.authorized, false);
});

test("a client that never finishes its handshake is cut off", async () => {
  const { door } = await openDoor({ handshakeMs: 200 });
  const socket = connectTcp(door.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  await once(socket, "close");
});

test("one address may have only so many unfinished handshakes, and finished ones do not count", async () => {
  const { door } = await openDoor({ handshakesPerAddress: 2 });
  for (let i = 0; i < 4; i++) await text(await handshake(door.port, { servername: "x" }));
  const silent = [connectTcp(door.port, "127.0.0.1"), connectTcp(door.port, "127.0.0.1")];
  closing.push(() => {
    for (const socket of silent) socket.destroy();
  });
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  const refused: Socket = connectTcp(door.port, "127.0.0.1");
  refused.on("error", () => {});
  await once(refused, "close");
  silent[0]?.destroy();
  await once(silent[0] as Socket, "close");
  assert.equal(await text(await handshake(door.port, { servername: "x" })), "web");
});

test("a port that is taken is a clear sentence with what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  closing.push(() => other.close());
  const address = other.address();
  assert.ok(address && typeof address === "object");
  await assert.rejects(
    openDoor({}, address.port),
    (error) =>
      isFault(error, "environment") && /in use/.test(error.message) && error.hint !== undefined,
  );
});

test("renewed certificates are presented to whoever connects next", async () => {
  const { door } = await openDoor();
  const renewed = makeSelfSigned("renewed.test", systemClock, systemRandom);
  door.renew({ hostCertificate: renewed, webCertificate: renewed });
  for (const servername of [hex, "proxy.example.com"]) {
    const socket = await handshake(door.port, { servername });
    assert.equal(socket.getPeerCertificate().subject.CN, "renewed.test");
    socket.destroy();
  }
});

test("connections without a certificate are bounded per address, and room comes back", async () => {
  const served: Connection[] = [];
  const door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port: 0 },
    hostCertificate: host,
    webCertificate: web,
    clientAuthorities: [host.certificate],
    doors: { web: (connection) => void served.push(connection) },
    logger: silentLogger,
    limits: { strangersPerAddress: 2 },
  });
  closing.push(() => door.close());
  const first = await handshake(door.port, {});
  await handshake(door.port, {});
  const third = await handshake(door.port, {});
  third.on("error", () => {});
  if (!third.closed) await once(third, "close");
  assert.equal(served.length, 2);
  const [gone] = served;
  assert.ok(gone);
  const closed = once(gone.socket, "close");
  gone.socket.resume().on("end", () => gone.socket.end());
  first.end();
  await closed;
  await handshake(door.port, {});
  while (served.length < 3) await new Promise((resolve) => setImmediate(resolve));
});
