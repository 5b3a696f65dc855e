/**
 * Runs the tests: `tools/test.ts [unit|interop|e2e|all] [FILE…]`. Ends with one line that counts them. A skipped test is a
 * failure, because it proves nothing.
 */
import { globSync } from "node:fs";
import process from "node:process";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const groups: Readonly<Record<string, { readonly globs: string[]; readonly parallel: number }>> = {
  unit: { globs: ["src/**/*.test.ts", "test/*.test.ts", "test/cve/*.test.ts"], parallel: 2 },
  interop: { globs: ["test/interop/**/*.test.ts"], parallel: 2 },
  e2e: { globs: ["test/e2e/**/*.test.ts"], parallel: 1 },
};

const [wanted = "all", ...only] = process.argv.slice(2);
const chosen = wanted === "all" ? Object.keys(groups) : [wanted];
const total = { passed: 0, failed: 0, skipped: 0 };

for (const name of chosen) {
  const group = groups[name];
  if (!group) {
    process.stderr.write(
      `ERROR: "${name}" is no group of tests; there are ${Object.keys(groups).join(", ")}\n`,
    );
    process.exit(2);
  }
  const files = only.length > 0 ? only : globSync(group.globs).sort();
  process.stdout.write(`\n== ${name}: ${files.length} files\n`);
  const stream = run({ files, concurrency: group.parallel, isolation: "process" });
  stream.on("test:pass", (event) => {
    if (event.details.type === "suite") return;
    if (event.skip !== undefined || event.todo !== undefined) total.skipped++;
    else total.passed++;
  });
  stream.on("test:fail", (event) => {
    if (event.details.type !== "suite") total.failed++;
  });
  for await (const line of stream.compose(spec)) process.stdout.write(line);
}

const { passed, failed, skipped } = total;
process.stdout.write(
  `\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`,
);
process.exit(failed > 0 || skipped > 0 || passed === 0 ? 1 : 0);
