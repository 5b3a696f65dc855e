/** What the relay shows, passes on and waits for. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { relay } from "./relay.ts";

const watchers = { fromClient() {}, fromServer() {}, room: () => undefined };

test("what a watcher refuses does not reach the server, and ends the session", async () => {
  const [person, client] = duplexPair();
  const [server, database] = duplexPair();
  const seen: string[] = [];
  database.on("data", (chunk: Buffer) => seen.push(chunk.toString()));
  const refusal = new Fault("malformed", "no");
  const ended = relay(client, server, {
    ...watchers,
    fromClient(chunk) {
      if (chunk.toString() === "bad") throw refusal;
    },
  });
  person.write("good");
  await turn();
  person.write("bad");
  assert.deepEqual(await ended, { error: refusal });
  await turn();
  assert.deepEqual(seen, ["good"]);
});

test("nothing more of the client is taken while there is no room, also when the server drains", async () => {
  const [person, client] = duplexPair();
  const [server, database] = duplexPair();
  database.resume();
  const room = Promise.withResolvers<void>();
  const seen: string[] = [];
  let full = true;
  void relay(client, server, {
    ...watchers,
    fromClient: (chunk) => void seen.push(chunk.toString()),
    room: () => (full ? room.promise : undefined),
  });
  person.write("first");
  await turn();
  server.emit("drain");
  person.write("second");
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(seen, ["first"]);
  full = false;
  room.resolve();
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(seen, ["first", "second"]);
});

test("it tells who went first, also when that was before it began", async () => {
  for (const by of ["client", "server"] as const) {
    const [person, client] = duplexPair();
    const [server, database] = duplexPair();
    const ended = relay(client, server, watchers);
    (by === "client" ? person : database).end();
    assert.deepEqual(await ended, { by });
  }
  const [, gone] = duplexPair();
  const [server] = duplexPair();
  gone.destroy();
  await turn();
  assert.deepEqual(await relay(gone, server, watchers), { by: "client" });
});
