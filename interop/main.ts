/**
 * `npm run interop -- --tsh PATH --tctl PATH [--only PATTERN]`: the official clients judge our server. The binaries are
 * the person's own; nothing of them is in this repository. See `interop/official.md`. With `--docs` the Go client runs
 * instead and its table is written into `docs/compatibility.md`.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { readOptions } from "../tools/usage.ts";
import { writePage } from "./compatibility.ts";
import { missingForGo, runGoClient } from "./go-client.ts";
import { knownDifferences } from "./known-differences.ts";
import { type Row, runOfficial } from "./official/run.ts";

const usage = "usage: npm run interop -- --tsh PATH --tctl PATH [--only PATTERN]";

function fail(text: string): never {
  process.stderr.write(`ERROR: ${text}\n${usage}\n`);
  process.exit(2);
}

const {
  tsh,
  tctl,
  only = "",
  docs = false,
} = readOptions(
  usage,
  () =>
    parseArgs({
      options: {
        tsh: { type: "string" },
        tctl: { type: "string" },
        only: { type: "string" },
        docs: { type: "boolean" },
      },
    }).values,
);
if (docs) {
  const missing = missingForGo();
  if (missing) fail(`${missing} is missing`);
  writePage(await runGoClient());
  process.exit(0);
}
if (tsh === undefined || tctl === undefined) fail("--tsh and --tctl are required");
for (const path of [tsh, tctl]) if (!existsSync(path)) fail(`there is no file ${path}`);
if (process.getuid?.() !== 0) {
  fail("the virtual TPM and the SSH server of the test need root: run this as root");
}

function show({ item, verdict, ms, text }: Row): void {
  process.stdout.write(`${verdict.padEnd(10)} ${item} (${(ms / 1000).toFixed(1)} s)\n`);
  if (verdict === "fails" && text !== undefined) process.stdout.write(`${text}\n`);
}

const rows = await runOfficial({ tsh, tctl }, new RegExp(only), show);
const count = (verdict: Row["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
process.stdout.write(
  `\n${rows.length} steps: ${count("passes")} pass, ${count("differs")} known differences, ${count("fails")} fail\n`,
);
for (const { item, reason } of knownDifferences) {
  if (rows.some((row) => row.item === item)) process.stdout.write(`known: ${item}: ${reason}\n`);
}
const fixed = rows.filter((row) => row.verdict === "passes, but is listed");
for (const { item } of fixed) {
  process.stdout.write(`"${item}" passes now: take its line out of interop/known-differences.ts\n`);
}
process.exit(fixed.length > 0 || count("fails") > 0 ? 1 : 0);
