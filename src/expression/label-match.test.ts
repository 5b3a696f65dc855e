import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import {
  assertLabelSelector,
  type LabelSelector,
  matchesGlob,
  matchLabels,
} from "./label-match.ts";

const labels = { env: "prod", region: "eu-west-1", empty: "" };

const rows: readonly (readonly [LabelSelector, boolean])[] = [
  [{}, false],
  [{ "*": ["*"] }, true],
  [{ env: ["prod"] }, true],
  [{ env: ["dev", "prod"] }, true],
  [{ env: ["prod"], region: ["us-*"] }, false],
  [{ env: ["prod"], region: ["eu-*"] }, true],
  [{ env: ["*"] }, true],
  [{ missing: ["*"] }, false],
  [{ empty: ["*"] }, true],
  [{ empty: [""] }, true],
  [{ env: [] }, false],
  [{ "*": ["*"], env: ["dev"] }, false],
  [{ region: ["^eu-[a-z]+-\\d$"] }, true],
  [{ region: ["eu-[a-z]+-\\d"] }, false],
  [{ env: ["Prod"] }, false],
  [{ constructor: ["*"] }, false],
];

for (const [selector, expected] of rows) {
  test(`${JSON.stringify(selector)} ${expected ? "matches" : "does not match"}`, () => {
    assert.equal(matchLabels(selector, labels), expected);
  });
}

test("the key * with anything but * is refused, when saved and when matched", () => {
  for (const values of [["x"], ["*", "x"], []]) {
    assert.throws(
      () => assertLabelSelector({ "*": values }),
      (error) => isFault(error, "invalid"),
    );
    assert.throws(
      () => matchLabels({ "*": values }, labels),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("a broken regular expression is refused when saved", () => {
  assert.throws(
    () => assertLabelSelector({ env: ["^(a$"] }),
    (error) => isFault(error, "invalid"),
  );
  assertLabelSelector({ env: ["^{{external.env}}$", "^a$", "b-*"] });
});

test("a glob with many stars ends", () => {
  assert.equal(matchesGlob("*a".repeat(500), "a".repeat(499)), false);
  assert.equal(matchesGlob("a*b*c", "a-x-b-c-c"), true);
  assert.equal(matchesGlob("", ""), true);
  assert.equal(matchesGlob("**", ""), true);
  assert.equal(matchesGlob("a", "ab"), false);
});
