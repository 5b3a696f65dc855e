import assert from "node:assert/strict";
import { test } from "node:test";
import { startKeepalive } from "#ssh/connection/keepalive.ts";
import { join, ManualTimers } from "../../../test/support/ssh-pair.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a peer that answers stays connected", async () => {
  const timers = new ManualTimers();
  const { client, server } = join();
  await client.ready;
  startKeepalive(server, { intervalMs: 10, maxMissed: 2 }, timers.start);
  for (let i = 0; i < 5; i++) {
    assert.equal(timers.run(10), 1);
    await server.ping();
  }
  client.close();
  await server.closed;
  assert.equal(timers.run(10), 0);
});

test("a peer that does not answer is given up", async () => {
  const timers = new ManualTimers();
  const closed = Promise.withResolvers<string>();
  const silent = {
    ping: () => new Promise<void>(() => {}),
    close: (why = "") => closed.resolve(why),
    closed: closed.promise,
  };
  startKeepalive(silent, { intervalMs: 10, maxMissed: 2 }, timers.start);
  for (let i = 0; i < 3; i++) assert.equal(timers.run(10), 1);
  assert.equal(await closed.promise, "no answer to keepalives");
  await turn();
  assert.equal(timers.run(10), 0);
});
