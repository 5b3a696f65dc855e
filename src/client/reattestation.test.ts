import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "#base/clock.ts";
import { Reattestation } from "#client/reattestation.ts";
import { ManualTimers } from "../../test/support/ssh-pair.ts";

const roundMs = 15_000;
const minute = 60_000;

function start(every = minute) {
  const clock = new ManualClock(new Date("2026-01-01T11:00:00Z"));
  const timers = new ManualTimers();
  const state = { every, asked: 0, proofs: 0, works: true, reachable: true };
  const reattestation = new Reattestation({
    interval: async () => {
      state.asked++;
      if (!state.reachable) throw new Error("no connection");
      return state.every;
    },
    prove: async () => {
      if (!state.works) throw new Error("the TPM is gone");
      state.proofs++;
    },
    clock,
    startTimer: timers.start,
  });
  /** Lets rounds pass; gives how many proofs came in them. */
  const pass = async (rounds: number) => {
    const before = state.proofs;
    for (let round = 0; round < rounds; round++) {
      clock.advance(roundMs);
      timers.run(roundMs);
      await turn();
    }
    return state.proofs - before;
  };
  return { state, reattestation, pass };
}

test("the device is proved at half of the interval, and again and again, while a connection is open", async () => {
  const { reattestation, pass, state } = start(10 * minute);
  const release = reattestation.hold();
  assert.equal(await pass(19), 0);
  assert.equal(await pass(1), 1);
  assert.equal(await pass(60), 3);
  release();
  assert.equal(await pass(60), 0);
  // Nobody asks the cluster either.
  const { asked } = state;
  await pass(1);
  assert.equal(state.asked, asked);
});

test("nothing is proved where the cluster asks for nothing, until it does", async () => {
  const { reattestation, pass, state } = start(0);
  reattestation.hold();
  assert.equal(await pass(100), 0);
  state.every = minute;
  assert.equal(await pass(1), 1);
});

test("a proof that fails, and a cluster that cannot be asked, are tried again by the next round", async () => {
  const { reattestation, pass, state } = start();
  reattestation.hold();
  state.works = false;
  assert.equal(await pass(2), 0);
  state.works = true;
  state.reachable = false;
  assert.equal(await pass(1), 0);
  state.reachable = true;
  assert.equal(await pass(1), 1);
});

test("of several connections the last one ends it, once released", async () => {
  const { reattestation, pass } = start();
  const [first, second] = [reattestation.hold(), reattestation.hold()];
  first();
  first();
  assert.equal(await pass(2), 1);
  second();
  assert.equal(await pass(4), 0);
  reattestation.hold();
  assert.equal(await pass(2), 1);
});
