import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersionNumbers, parseVersionNumber } from "./version-number.ts";

const rows: readonly (readonly [string, string, number])[] = [
  ["14.2", "14.2", 0],
  ["14.2", "14.2.0.0", 0],
  ["14.10", "14.9", 1],
  ["14", "14.0.1", -1],
  ["10.0.22621", "10.0.19045", 1],
  ["9", "10", -1],
];

for (const [a, b, sign] of rows) {
  test(`${a} against ${b} is ${sign}, and the other way round the opposite`, () => {
    const [left, right] = [parseVersionNumber(a), parseVersionNumber(b)];
    assert.ok(left && right);
    assert.equal(Math.sign(compareVersionNumbers(left, right)), sign);
    assert.equal(Math.sign(compareVersionNumbers(right, left)) + sign, 0);
  });
}

for (const text of [
  "",
  "rolling",
  "14.",
  ".1",
  "1..2",
  "22.04 LTS",
  "-1",
  "1e9",
  "1.2.3.4.5.6.7.8.9",
  "0x10",
  "1234567890",
]) {
  test(`${JSON.stringify(text)} is no version number`, () => {
    assert.equal(parseVersionNumber(text), undefined);
  });
}
