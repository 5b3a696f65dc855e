import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDuration, parseDurationWithDays } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";

test("reads what the public API prints", () => {
  assert.equal(parseDuration("12h0m0s"), 43_200_000);
  assert.equal(parseDuration("1.5s"), 1500);
  assert.equal(parseDuration("0"), 0);
  assert.equal(formatDuration(43_200_000), "12h0m0s");
  assert.equal(formatDuration(300_000), "5m0s");
  assert.equal(formatDuration(0), "0s");
});

test("refuses what is no duration", () => {
  for (const text of ["", "12", "h", "1h 2m", "-1h", "1d", "1h2"]) {
    assert.throws(
      () => parseDuration(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});

test("refuses what nobody could send on: more than 2^63 nanoseconds", () => {
  assert.equal(parseDuration("2562047h47m16s"), 9_223_372_036_000);
  for (const text of ["2562048h", "2562047h47m16.855s", `${"9".repeat(400)}h`]) {
    assert.throws(
      () => parseDuration(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});

test("takes days where people write, and nothing after them that is no duration", () => {
  assert.equal(parseDurationWithDays("7d"), 604_800_000);
  assert.equal(parseDurationWithDays("1d12h"), 129_600_000);
  assert.equal(parseDurationWithDays("90m"), 5_400_000);
  for (const text of ["d", "1d1d", "1d 2h", "1.5d", "999999d", ""]) {
    assert.throws(
      () => parseDurationWithDays(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});
