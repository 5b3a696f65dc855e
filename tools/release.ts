/**
 * `npm run release`: packs the programs for this system and processor.
 *
 *   npm run release                       release/gatehouse-VERSION-SYSTEM-PROCESSOR.tar.gz
 *   npm run release -- --output=DIR       into another folder
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { productVersion } from "../src/base/version.ts";
import { makeReleaseFolder } from "./release-folder.ts";
import { readOptions } from "./usage.ts";

const { output } = readOptions(
  "usage: npm run release -- [--output DIR]",
  () => parseArgs({ options: { output: { type: "string", default: "release" } } }).values,
);

const name = `gatehouse-${productVersion}-${process.platform}-${process.arch}`;
const archive = join(resolve(output), `${name}.tar.gz`);
const work = mkdtempSync(join(tmpdir(), "gatehouse-release-"));
try {
  await makeReleaseFolder(join(work, name));
  mkdirSync(output, { recursive: true });
  pack(archive);
} finally {
  rmSync(work, { recursive: true, force: true });
}
const digest = createHash("sha256").update(readFileSync(archive)).digest("hex");
writeFileSync(`${archive}.sha256`, `${digest}  ${name}.tar.gz\n`);
process.stdout.write(`${archive}\nsha256 ${digest}\n`);

/** Owners and order do not depend on who packs. */
function pack(file: string): void {
  const flags = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
  const done = spawnSync("tar", ["-C", work, ...flags, "-czf", file, name], { stdio: "inherit" });
  if (done.error !== undefined || done.status !== 0) {
    throw new Error(`tar failed: ${done.error?.message ?? `exit code ${done.status}`}`);
  }
}
