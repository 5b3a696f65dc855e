/** The lists of known differences: each item names a step, once, or it would never be looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesOf, judge } from "../../interop/known-differences.ts";
import type { Sides } from "../../interop/official/programs.ts";
import { steps } from "../../interop/official/run.ts";

const pairs: readonly Sides[] = [
  { client: "official", server: "ours" },
  { client: "ours", server: "official" },
  { client: "official", server: "official" },
];

for (const sides of pairs) {
  test(`${sides.client} clients at ${sides.server} server: every item is a step and has a reason`, () => {
    const names = steps.map(({ name }) => name);
    const listed = differencesOf(sides);
    assert.ok(listed.length > 0);
    for (const { item, reason } of listed) {
      assert.equal(names.filter((name) => name === item).length, 1, item);
      assert.equal(listed.filter((other) => other.item === item).length, 1, `${item} twice`);
      assert.ok(reason.length > 10, item);
    }
  });
}

test("an item that works and is still listed is no pass, a failure that is not listed is none either", () => {
  const sides: Sides = { client: "official", server: "ours" };
  const listed = differencesOf(sides)[0]?.item ?? "";
  assert.equal(judge(listed, sides, true), "passes, but is listed");
  assert.equal(judge(listed, sides, false), "differs");
  assert.equal(judge("tsh ls", sides, true), "passes");
  assert.equal(judge("tsh ls", sides, false), "fails");
});
