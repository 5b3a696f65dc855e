import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countTry,
  type LoginAttempts,
  lockedUntil,
  lockout,
  noAttempts,
  takeBackTry,
} from "#auth/users/attempts.ts";

const start = Date.parse("2026-11-21T10:00:00Z");
const at = (ms: number) => new Date(start + ms);

/** The record after failures at the given moments. */
function afterFailures(...moments: number[]): LoginAttempts {
  return moments.reduce((attempts, ms) => countTry(attempts, at(ms)), noAttempts);
}

test("four failures leave the login open, the fifth closes it", () => {
  assert.equal(lockedUntil(afterFailures(0, 1, 2, 3), at(4)), undefined);
  assert.deepEqual(lockedUntil(afterFailures(0, 1, 2, 3, 4), at(5)), at(4 + lockout.lockedMs));
});

test("the login opens again when the time is over", () => {
  const attempts = afterFailures(0, 1, 2, 3, 4);
  assert.ok(lockedUntil(attempts, at(4 + lockout.lockedMs - 1)));
  assert.equal(lockedUntil(attempts, at(4 + lockout.lockedMs)), undefined);
});

test("failures that lie far apart never add up", () => {
  const gap = lockout.windowMs + 1;
  const attempts = afterFailures(0, gap, 2 * gap, 3 * gap, 4 * gap, 5 * gap);
  assert.equal(lockedUntil(attempts, at(5 * gap)), undefined);
});

test("a try while the login is closed changes nothing: it neither opens it nor keeps it closed for longer", () => {
  const closed = afterFailures(0, 1, 2, 3, 4);
  assert.deepEqual(countTry(closed, at(5)), closed);
});

test("a right try is taken back, and with it the lock that only it had made", () => {
  const fourth = afterFailures(0, 1, 2, 3);
  assert.deepEqual(takeBackTry(countTry(fourth, at(4)), at(4)), fourth);
  const others = afterFailures(0, 1, 2, 3, 4);
  assert.deepEqual(takeBackTry(others, at(9)), others);
});
