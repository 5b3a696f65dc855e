/** The guide, played line by line: what a person reads there is what a person sees here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { guides, playGuide } from "../../tools/guide/play.ts";

for (const guide of guides) {
  test(`every line of the ${guide} guide appears on the screen`, async () => {
    const shown: string[] = [];
    const problems = await playGuide(guide, (line) => shown.push(line));
    assert.deepEqual(problems, []);
    assert.ok(shown.length > 100, `the tour has only ${shown.length} lines`);
  });
}
