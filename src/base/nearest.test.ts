import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "#base/nearest.ts";

test("finds the word that was meant, whatever its case", () => {
  const words = ["logins", "node_labels", "rules"];
  assert.equal(nearest("loginz", words), "logins");
  assert.equal(nearest("Node_Label", words), "node_labels");
  assert.equal(nearest("rule", words), "rules");
});

test("says nothing rather than something far away", () => {
  assert.equal(nearest("kubernetes", ["logins"]), undefined);
  assert.equal(nearest("x", ["logins", "rules"]), undefined);
  assert.equal(nearest("", ["logins"]), undefined);
});

test("a word that nobody can have meant is not compared", () => {
  assert.equal(nearest("x".repeat(1_000_000), ["logins", "x".repeat(64)]), undefined);
});
