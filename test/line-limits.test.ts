/** Holds the length of every source file against `tools/line-limits.ts`. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { lineLimit, longer } from "../tools/line-limits.ts";

const root = new URL("..", import.meta.url).pathname;
const files = globSync("src/**/*.ts", { cwd: root }).filter(
  (file) => !file.startsWith("src/gen/") && !file.endsWith(".test.ts"),
);
const lengths = files
  .map((file) => ({ file, lines: readFileSync(`${root}${file}`, "utf8").split("\n").length - 1 }))
  .sort((a, b) => a.lines - b.lines);

test("no source file is longer than the limit", () => {
  const over = lengths.filter(({ file, lines }) => lines > lineLimit && !(file in longer));
  assert.deepEqual(over, []);
});

test("the median file has at most 130 lines and nine of ten have at most 350", () => {
  const at = (share: number) => lengths[Math.floor(lengths.length * share)]?.lines ?? 0;
  assert.ok(at(0.5) <= 130, `median ${at(0.5)}`);
  assert.ok(at(0.9) <= 350, `p90 ${at(0.9)}`);
});
