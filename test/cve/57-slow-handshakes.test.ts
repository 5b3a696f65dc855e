/**
 * GHSA-78rf-vg74-7cr8: a client that never finishes its handshake keeps all others out. Class 57 of
 * docs/bug-classes.md, on the one public port.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { after, test } from "node:test";
import { connect } from "node:tls";
import { systemClock } from "#base/clock.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { FrontDoor, type FrontDoorLimits } from "#proxy/front-door.ts";
import { makeSelfSigned } from "../support/self-signed.ts";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

const pair = makeSelfSigned("web.test", systemClock, systemRandom);

async function openDoor(limits: Partial<FrontDoorLimits>): Promise<FrontDoor> {
  const door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port: 0 },
    hostCertificate: pair,
    webCertificate: pair,
    clientAuthorities: [pair.certificate],
    doors: { web: ({ socket }) => void socket.end("hello") },
    logger: silentLogger,
    limits,
  });
  closing.push(() => door.close());
  return door;
}

/** A client that connects and says `bytes`, which never make a ClientHello. */
async function stall(port: number, bytes: Uint8Array): Promise<Socket> {
  const socket = connectTcp({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  closing.push(() => socket.destroy());
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
}

async function greet(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => {});
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Who is not turned away waits for an hour here. */
const limit = { timeout: 30_000 };

test("a hundred clients that stall in the handshake keep nobody out", async () => {
  const door = await openDoor({});
  const starts = [new Uint8Array(), Uint8Array.of(0x16), Uint8Array.of(0x16, 3, 1, 0xff, 0xff)];
  for (let i = 0; i < 100; i++) await stall(door.port, starts[i % 3] ?? new Uint8Array());
  assert.equal(await greet(door.port), "hello");
});

test(
  "more than an address may have are turned away at once, and make room when they go",
  limit,
  async () => {
    const door = await openDoor({ handshakesPerAddress: 8, handshakeMs: 3_600_000 });
    const stalled: Socket[] = [];
    for (let i = 0; i < 8; i++) stalled.push(await stall(door.port, Uint8Array.of(0x16)));
    const turnedAway = await stall(door.port, Uint8Array.of(0x16));
    await once(turnedAway.resume(), "close");
    const [first] = stalled;
    assert.ok(first);
    first.destroy();
    // The door learns of the end at its own time: the next that is let in proves it.
    for (;;) {
      if ((await greet(door.port).catch(() => "")) === "hello") break;
    }
  },
);

test("who stalls is cut off after the time for a handshake", async () => {
  const door = await openDoor({ handshakeMs: 50 });
  const socket = await stall(door.port, Uint8Array.of(0x16, 3, 1));
  await once(socket.resume(), "close");
});
