/** The runner of the tests: what proves nothing is a failure, also when the process says that all is well. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const runner = fileURLToPath(new URL("../tools/test.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "test-runner-"));
after(() => rmSync(folder, { recursive: true }));

const start = 'import { test } from "node:test";\ntest("one", () => {});\n';
const files = {
  good: start,
  cut: `${start}test("two", () => process.exit(0));\ntest("three", () => {});\n`,
  empty: "export {};\n",
  skipped: `${start}test.skip("two", () => {});\n`,
};

function run(group: "e2e" | "unit", ...names: (keyof typeof files)[]) {
  const paths = names.map((name) => join(folder, `${name}.test.mjs`));
  for (const [at, name] of names.entries()) writeFileSync(paths[at] ?? "", files[name]);
  // A runner inside a runner would report to the outer one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const ran = spawnSync(process.execPath, [runner, group, ...paths], { env, encoding: "utf8" });
  return { code: ran.status, shown: ran.stdout.replaceAll(`${folder}/`, "") };
}

test("a file of its own process that ends early, or holds no test, fails; the others pass", () => {
  const { code, shown } = run("e2e", "good", "cut", "empty", "skipped");
  assert.equal(code, 1);
  assert.match(shown, /^ok {3}good\.test\.mjs: 1 passed/m);
  assert.match(shown, /^FAIL cut\.test\.mjs: 0 passed/m);
  assert.match(shown, /^ERROR: there is no test in cut\.test\.mjs, or its process ended before/m);
  assert.match(shown, /^FAIL empty\.test\.mjs: 0 passed/m);
  assert.match(shown, /^FAIL skipped\.test\.mjs/m);
  assert.match(shown, /^2 passed, 2 failed, 1 skipped$/m);
});

test("a file that ends the process that it shares fails them all", () => {
  const { code, shown } = run("unit", "good", "cut");
  assert.equal(code, 1);
  assert.match(shown, /^ERROR: the run ended before its tests did, with 0$/m);
});

test("a file without tests is noticed among others", () => {
  const { code, shown } = run("unit", "good", "empty");
  assert.equal(code, 1);
  assert.match(shown, /^ERROR: there is no test in empty\.test\.mjs/m);
});

test("files that pass pass", () => {
  assert.equal(run("e2e", "good").code, 0);
});
