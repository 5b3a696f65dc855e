/** Spellings of leaves: what is accepted, and the one spelling that is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, duration, flag, textList, time } from "./scalar.ts";
import { instantOf, parseTime, timeOf, zeroTime } from "./time.ts";

test("durations have one spelling", () => {
  for (const [typed, kept] of [
    ["12h", "12h0m0s"],
    ["1h30m", "1h30m0s"],
    ["90m", "1h30m0s"],
    ["7d", "168h0m0s"],
    ["1d12h", "36h0m0s"],
    ["never", "0s"],
    ["0", "0s"],
    ["1500ms", "1.5s"],
  ]) {
    assert.equal(duration.parse(typed), kept);
    assert.equal(duration.parse(kept), kept);
  }
  for (const wrong of [
    "30",
    "-1h",
    "h",
    "1h 30m",
    "1x",
    "d",
    "9".repeat(100),
    "999999d",
    "3000000h",
  ]) {
    assert.equal(duration.safeParse(wrong).success, false, wrong);
  }
});

test("times are kept in UTC to the nanosecond", () => {
  for (const [typed, kept] of [
    ["2023-08-14T13:42:22.291972449Z", "2023-08-14T13:42:22.291972449Z"],
    ["2023-08-14T15:42:22.500+02:00", "2023-08-14T13:42:22.5Z"],
    ["2023-08-14t13:42:22z", "2023-08-14T13:42:22Z"],
    [zeroTime, zeroTime],
  ] as const) {
    assert.equal(time.parse(typed), kept);
  }
  for (const wrong of [
    "2023-02-30T00:00:00Z",
    "2023-08-14",
    "2023-08-14T25:00:00Z",
    "now",
    "2023-08-14T00:00:00+25:00",
  ]) {
    assert.equal(parseTime(wrong), undefined, wrong);
  }
});

test("the zero time is no limit, other times are instants", () => {
  assert.equal(instantOf(zeroTime), undefined);
  assert.equal(instantOf(undefined), undefined);
  assert.equal(instantOf("2030-01-01T00:00:00.5Z")?.getTime(), Date.UTC(2030, 0, 1, 0, 0, 0, 500));
  assert.equal(timeOf(new Date(Date.UTC(2030, 0, 1))), "2030-01-01T00:00:00Z");
});

test("flags take the words of YAML 1.1, in any case", () => {
  for (const yes of [true, "yes", "Yes", "on", "TRUE"]) assert.equal(flag.parse(yes), true);
  for (const no of [false, "no", "OFF", "false"]) assert.equal(flag.parse(no), false);
  for (const wrong of [1, 0, "", "maybe", null]) assert.equal(flag.safeParse(wrong).success, false);
});

test("counts are whole and not negative, lists may be one word", () => {
  assert.equal(count.parse("12"), 12);
  for (const wrong of [-1, 1.5, "1.5", "x", Number.MAX_VALUE]) {
    assert.equal(count.safeParse(wrong).success, false);
  }
  assert.deepEqual(textList.parse("root"), ["root"]);
  assert.deepEqual(textList.parse(null), []);
});
