import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualTimers } from "../../test/support/ssh-pair.ts";
import { Liveness, type LivenessRules } from "./liveness.ts";

const rules: LivenessRules = {
  idleTimeoutMs: undefined,
  keepAliveMs: 0,
  keepAliveCount: 3,
};

function start(changes: Partial<LivenessRules>, ping: () => Promise<void> = async () => {}) {
  const timers = new ManualTimers();
  const ends: string[] = [];
  const liveness = new Liveness(timers.start, { ping, end: (why) => ends.push(why) });
  liveness.apply({ ...rules, ...changes });
  return { timers, ends, liveness };
}

test("nothing happens without rules", () => {
  const { timers, ends } = start({});
  assert.equal(timers.run(0), 0);
  assert.deepEqual(ends, []);
});

test("an unused connection ends after its idle time, a used one does not", () => {
  const { timers, ends, liveness } = start({ idleTimeoutMs: 4000 });
  for (let quarter = 0; quarter < 3; quarter++) timers.run(1000);
  liveness.touch();
  for (let quarter = 0; quarter < 4; quarter++) timers.run(1000);
  assert.deepEqual(ends, []);
  timers.run(1000);
  assert.deepEqual(ends, ["idle"]);
});

test("rules that were taken back end nothing", () => {
  const { timers, ends, liveness } = start({ idleTimeoutMs: 4000 });
  liveness.apply(rules);
  assert.equal(timers.run(1000), 0);
  assert.deepEqual(ends, []);
});

test("a client that answers no probe is gone", () => {
  const { timers, ends } = start({ keepAliveMs: 100 }, () => new Promise(() => {}));
  for (let probe = 0; probe < 3; probe++) timers.run(100);
  assert.deepEqual(ends, []);
  timers.run(100);
  assert.deepEqual(ends, ["silent"]);
});

test("a client that answers stays", async () => {
  const { timers, ends } = start({ keepAliveMs: 100 });
  for (let probe = 0; probe < 10; probe++) {
    timers.run(100);
    await Promise.resolve();
  }
  assert.deepEqual(ends, []);
});

test("a closed one holds no timer", () => {
  const { timers, liveness } = start({ keepAliveMs: 100, idleTimeoutMs: 4000 });
  liveness.close();
  assert.equal(timers.run(100) + timers.run(1000), 0);
});
