/**
 * `npm run interop`: official programs and ours against one another, step by step. The binaries are the person's own;
 * nothing of them is in this repository. See `interop/official.md`.
 *
 *   --tsh PATH --tctl PATH               the official clients against our server
 *   --server PATH                        our clients against the official server; its tctl is beside it
 *   --server PATH --tsh PATH --tctl PATH the official clients against their own server: the control
 *   --only PATTERN                       the login steps, and those whose names match
 *   --docs                               the Go client; writes its table into docs/compatibility.md
 *   --record --tsh PATH --tctl PATH      records the official clients anew into test/vectors/recordings
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { readOptions } from "../tools/usage.ts";
import { writePage } from "./compatibility.ts";
import { missingForGo, runGoClient } from "./go-client.ts";
import { differencesOf } from "./known-differences.ts";
import { type Clients, ourClients } from "./official/programs.ts";
import { type Row, runScript } from "./official/run.ts";
import { record } from "./record/session.ts";

const usage =
  "usage: npm run interop -- [--tsh PATH --tctl PATH] [--server PATH] [--only PATTERN] [--record]";

function fail(text: string): never {
  process.stderr.write(`ERROR: ${text}\n${usage}\n`);
  process.exit(2);
}

/** The path of a program that is there. */
function programAt(path: string): string {
  if (!existsSync(path)) fail(`there is no file ${path}`);
  return path;
}

const options = readOptions(
  usage,
  () =>
    parseArgs({
      options: {
        tsh: { type: "string" },
        tctl: { type: "string" },
        server: { type: "string" },
        only: { type: "string" },
        docs: { type: "boolean" },
        record: { type: "boolean" },
      },
    }).values,
);
if (options.docs) {
  const missing = missingForGo();
  if (missing) fail(`${missing} is missing`);
  writePage(await runGoClient());
  process.exit(0);
}

/** The official clients when both are given, else ours. */
function clientsOf({ tsh, tctl }: typeof options): Clients {
  if (tsh === undefined && tctl === undefined) return ourClients;
  if (tsh === undefined || tctl === undefined) fail("--tsh and --tctl go together");
  return { maker: "official", tsh: programAt(tsh), tctl: programAt(tctl) };
}

const clients = clientsOf(options);
const { server: path, only = "" } = options;
if (path === undefined && clients.maker === "ours") {
  fail("name official programs: --tsh and --tctl, --server, or all three");
}
const server = path && {
  server: programAt(path),
  tctl: programAt(join(dirname(path), "tctl")),
};
if (process.getuid?.() !== 0) {
  fail("the virtual TPM and the SSH server of the test need root: run this as root");
}

if (options.record) {
  if (clients.maker === "ours") fail("--record needs --tsh and --tctl");
  const count = await record(clients);
  process.stdout.write(`recorded ${count} commands\n`);
  process.exit(0);
}

function show({ item, verdict, ms, text }: Row): void {
  process.stdout.write(`${verdict.padEnd(10)} ${item} (${(ms / 1000).toFixed(1)} s)\n`);
  if (verdict === "fails" && text !== undefined) process.stdout.write(`${text}\n`);
}

const cast = { clients, server: server || undefined };
const rows = await runScript(cast, new RegExp(only), show).catch((error: unknown): never => {
  process.stderr.write(`ERROR: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
const count = (verdict: Row["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
process.stdout.write(
  `\n${rows.length} steps: ${count("passes")} pass, ${count("differs")} known differences, ${count("fails")} fail\n`,
);
const sides = { client: clients.maker, server: server ? "official" : "ours" } as const;
for (const { item, reason } of differencesOf(sides)) {
  if (rows.some((row) => row.item === item)) process.stdout.write(`known: ${item}: ${reason}\n`);
}
const fixed = rows.filter((row) => row.verdict === "passes, but is listed");
for (const { item } of fixed) {
  process.stdout.write(`"${item}" passes now: take its line out of interop/known-differences.ts\n`);
}
process.exit(fixed.length > 0 || count("fails") > 0 ? 1 : 0);
