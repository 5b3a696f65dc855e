import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttestedClock } from "./attest.ts";
import { compareClocks } from "./time-report.ts";

const before: AttestedClock = {
  qualifiedSigner: new Uint8Array(34),
  clock: 1222n,
  resetCount: 4_000_000_000,
  restartCount: 3,
  safe: true,
  firmwareVersion: 1n,
};
const minute = 60_000;
const compare = (change: Partial<AttestedClock>, elapsedMs = minute) =>
  compareClocks(before, { ...before, clock: 61_222n, ...change }, elapsedMs);

test("finds nothing in a clock that ran with the wall clock", () => {
  assert.deepEqual(compare({}), []);
});

test("finds a clock that went back without a restart: a cloned virtual TPM", () => {
  assert.deepEqual(compare({ clock: 814n }), ["clock_went_back"]);
});

test("finds nothing in a clock that went back after an unclean restart, but reports the restart", () => {
  const change = { clock: 814n, resetCount: before.resetCount + 1, safe: false };
  assert.deepEqual(compare(change), ["restarted_uncleanly"]);
});

test("finds a clock that went back over a clean restart", () => {
  const change = { clock: 814n, resetCount: before.resetCount + 1 };
  assert.deepEqual(compare(change), ["clock_went_back"]);
});

test("finds a reset count that went back", () => {
  assert.deepEqual(compare({ resetCount: before.resetCount - 1 }), ["reset_count_went_back"]);
});

test("counts resets modulo 2^32, because a key shifts them by a constant", () => {
  const wrapped = { ...before, resetCount: 0xffffffff };
  assert.deepEqual(compareClocks(wrapped, { ...wrapped, resetCount: 1 }, minute), []);
});

test("finds a clock that ran faster than a TPM's tolerance allows", () => {
  assert.deepEqual(compare({ clock: 3_600_000n }), ["clock_ran_ahead"]);
});

test("finds another signer and then compares nothing else", () => {
  const change = { qualifiedSigner: new Uint8Array(34).fill(1), resetCount: 0 };
  assert.deepEqual(compare(change), ["signer_changed"]);
});
