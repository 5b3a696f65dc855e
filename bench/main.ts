/**
 * `npm run bench`: one table of figures with their peers', both sides measured in the same run, on loopback only.
 *
 *   npm run bench -- --only=bulk          one group of rows; several are separated by commas
 *   npm run bench -- --reference=DIR      the official programs in DIR (tsh, tctl, teleport) beside ours, at their own server
 *
 * A busy machine slows both sides: read the ratios, not the figures.
 */
import { parseArgs } from "node:util";
import { readOptions } from "../tools/usage.ts";
import { Bench, type Measurement } from "./context.ts";
import { Reference } from "./reference.ts";
import { formatRows, isReached, type Row } from "./row.ts";
import { measureCopies, measureOpenSshClient, measureStreams } from "./rows/bulk.ts";
import { measureCertificates } from "./rows/certificates.ts";
import { measureClusterCommands, measureLocalCommands, measureLogin } from "./rows/cli-start.ts";
import { measureIdleSessions, measureSshLogins } from "./rows/connections.ts";
import { measureDatabases } from "./rows/databases.ts";
import { measureEvidence } from "./rows/evidence.ts";
import { measureKubernetes } from "./rows/kube.ts";
import { measureLease } from "./rows/lease.ts";
import { measureListing } from "./rows/listing.ts";
import { measureLockToCut } from "./rows/locks.ts";
import { measureInventory } from "./rows/mdm.ts";
import { measureServer } from "./rows/server.ts";
import { measureStore } from "./rows/store.ts";
import { measureWebLogins } from "./rows/web-logins.ts";

/** In the order of the table; `nodes` is last because its thousands of nodes stay. */
const groups: Readonly<Record<string, readonly Measurement[]>> = {
  server: [measureServer],
  start: [measureLocalCommands, measureClusterCommands],
  login: [measureLogin, measureWebLogins, measureSshLogins],
  bulk: [measureStreams, measureOpenSshClient],
  copy: [measureCopies],
  memory: [measureIdleSessions],
  locks: [measureLockToCut, measureLease],
  certificates: [measureCertificates],
  evidence: [measureEvidence],
  store: [measureStore],
  mdm: [measureInventory],
  kube: [measureKubernetes],
  databases: [measureDatabases],
  nodes: [measureListing],
};

const usage = `usage: npm run bench -- [--only GROUP[,GROUP…]] [--reference DIR]
groups: ${Object.keys(groups).join(", ")}`;
const values = readOptions(
  usage,
  () => parseArgs({ options: { only: { type: "string" }, reference: { type: "string" } } }).values,
);
const wanted = values.only?.split(",") ?? Object.keys(groups);
const unknown = wanted.filter((name) => !Object.hasOwn(groups, name));
if (unknown.length > 0) {
  process.stderr.write(
    `ERROR: no rows are called ${unknown.join(", ")}\nhint: there are ${Object.keys(groups).join(", ")}\n`,
  );
  process.exit(2);
}
if (values.reference !== undefined && !Reference.isIn(values.reference)) {
  process.stderr.write(
    `ERROR: ${values.reference} has not all of tsh, tctl and teleport\nhint: see interop/official.md\n`,
  );
  process.exit(2);
}
const bench = new Bench(values.reference);
const rows: Row[] = [];
let failed = 0;
try {
  for (const name of wanted) {
    for (const measure of groups[name] ?? []) {
      process.stderr.write(`measuring: ${name} …\n`);
      try {
        rows.push(...(await measure(bench)));
      } catch (error) {
        failed++;
        process.stderr.write(
          `ERROR: ${name}: ${error instanceof Error ? error.message.split("\n", 5).join("\n  ") : error}\n`,
        );
      }
    }
  }
} finally {
  await bench.close();
}
process.stdout.write(`${formatRows(rows)}\n\n`);
process.stdout.write(
  `${rows.filter(isReached).length} of ${rows.length} rows reach their goal${failed > 0 ? `; ${failed} groups failed` : ""}\n`,
);
process.exit(failed > 0 ? 1 : 0);
