/** Signs of life between two real WebSockets; only the timer is the test's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { keepAlive } from "./keep-alive.ts";
import { pingMs } from "./ping-stream.ts";

async function openPair(autoPong: boolean): Promise<{ ours: WebSocket; peer: WebSocket }> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const peer = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong });
  const [[ours]] = await Promise.all([accepted, once(peer, "open")]);
  server.close();
  return { ours, peer };
}

test("a peer that answers no sign of life is cut off at the next", async ({ mock }) => {
  const { ours, peer } = await openPair(false);
  mock.timers.enable({ apis: ["setInterval"] });
  keepAlive(ours);
  mock.timers.tick(pingMs);
  await once(peer, "ping");
  assert.equal(ours.readyState, ours.OPEN);
  mock.timers.tick(pingMs);
  await once(peer, "close");
  assert.equal(ours.readyState, ours.CLOSED);
});

test("a peer that answers goes on, and so does one that sends and cannot answer yet", async ({
  mock,
}) => {
  const { ours, peer } = await openPair(false);
  mock.timers.enable({ apis: ["setInterval"] });
  keepAlive(ours);
  for (const answer of [() => peer.pong(), () => peer.send("data")]) {
    const pinged = once(peer, "ping");
    const heard = Promise.race([once(ours, "pong"), once(ours, "message")]);
    mock.timers.tick(pingMs);
    await pinged;
    answer();
    await heard;
  }
  mock.timers.tick(pingMs);
  assert.equal(ours.readyState, ours.OPEN);
  peer.terminate();
});

test("silence while we do not read ends nothing", async ({ mock }) => {
  const { ours, peer } = await openPair(true);
  mock.timers.enable({ apis: ["setInterval"] });
  keepAlive(ours);
  ours.pause();
  for (let times = 0; times < 4; times++) {
    const pinged = Promise.race([once(peer, "ping"), once(peer, "close")]);
    mock.timers.tick(pingMs);
    await pinged;
  }
  assert.equal(ours.readyState, ours.OPEN);
  const answered = once(ours, "pong");
  ours.resume();
  await answered;
  peer.terminate();
});
