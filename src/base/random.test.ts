import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom, timeOfUuid, timeUuid, uuid } from "#base/random.ts";

test("a UUID of version 7 gives its time back, to the millisecond, and sorts by it", () => {
  const times = [0, 1, 1_763_704_200_123, 2 ** 48 - 1].map((ms) => new Date(ms));
  const made = times.map((time) => timeUuid(time, systemRandom));
  assert.deepEqual(made.map(timeOfUuid), times);
  assert.deepEqual(made.toSorted(), made);
  assert.notEqual(timeUuid(new Date(0)), timeUuid(new Date(0)));
});

test("no other text tells a time", () => {
  for (const text of ["", "x", uuid(), timeUuid(new Date(5)).toUpperCase(), "../../etc/passwd"]) {
    assert.equal(timeOfUuid(text), undefined, text);
  }
});
