/**
 * Runs the tests: `tools/test.ts [unit|interop|e2e|all|vm|windows] [FILE…]`. Ends with one line that counts them. A skipped test, a
 * file without tests and one whose process ends before it are failures, because they prove nothing.
 *
 * Unit tests of one folder share a process, which saves most of the time; the others have one each.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { withPlainShells } from "./plain-shells.ts";
import type { TestReport } from "./test-counts.ts";

interface Group {
  readonly globs: readonly string[];
  /** Tests of one folder may share a process. */
  readonly shared: boolean;
  readonly parallel: number;
  /** Runs only when it is named: it needs more than every machine has. */
  readonly apart?: boolean;
}

/** A batch that takes longer hangs: the slowest needs about two minutes on a busy machine. */
const batchMs = 15 * 60_000;

const options = [
  "--test",
  "--test-force-exit",
  "--test-reporter=spec",
  "--test-reporter-destination=stdout",
  `--test-reporter=${join(import.meta.dirname, "test-counts.ts")}`,
  "--test-reporter-destination=stderr",
];

const scratch = mkdtempSync(join(tmpdir(), "test-counts-"));
const cores = Math.max(1, cpus().length);
const groups: Readonly<Record<string, Group>> = {
  unit: {
    globs: ["src/**/*.test.ts", "test/*.test.ts", "test/cve/*.test.ts"],
    shared: true,
    parallel: cores,
  },
  interop: { globs: ["test/interop/**/*.test.ts"], shared: false, parallel: cores },
  e2e: { globs: ["test/e2e/**/*.test.ts"], shared: false, parallel: 1 },
  vm: { globs: ["test/vm/**/*.test.ts"], shared: false, parallel: 1, apart: true },
  windows: { globs: ["test/windows/**/*.test.ts"], shared: false, parallel: 1, apart: true },
};

/** Files that run in one process. */
interface Batch {
  readonly name: string;
  readonly files: readonly string[];
  readonly shared: boolean;
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The batches of a group: a folder of `src` or `test` each, or a file each. */
function batchesOf({ globs, shared }: Group, only: readonly string[]): Batch[] {
  const files = only.length > 0 ? [...only] : globSync([...globs]).sort();
  if (!shared) return files.map((file) => ({ name: file, files: [file], shared }));
  const byFolder = Map.groupBy(files, (file) => file.split("/").slice(0, 2).join("/"));
  return [...byFolder].map(([name, members]) => ({
    name,
    files: members,
    shared: members.length > 1,
  }));
}

/** Runs a batch; prints a line when it passed and everything when it did not. */
async function runBatch({ name, files, shared }: Batch): Promise<Outcome> {
  const isolation = shared ? ["--test-isolation=none"] : [];
  const countsFile = join(scratch, name.replaceAll("/", "_"));
  const started = performance.now();
  const command = [process.execPath, ...options, ...isolation, ...files];
  const [program = "", ...args] = withPlainShells(command);
  const child = spawn(program, args, {
    env: { ...process.env, TEST_COUNTS: countsFile },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const timer = setTimeout(() => {
    output.push(Buffer.from(`ERROR: ended after ${batchMs / 60_000} minutes\n`));
    child.kill("SIGKILL");
  }, batchMs);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  const { outcome, problem } = readOutcome(countsFile, code, { files, shared });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const good = outcome.failed === 0 && outcome.skipped === 0;
  process.stdout.write(
    `${good ? "ok  " : "FAIL"} ${name}: ${outcome.passed} passed (${seconds} s)\n`,
  );
  if (!good) process.stdout.write(Buffer.concat(output));
  if (problem !== undefined) process.stdout.write(`ERROR: ${problem}\n`);
  return outcome;
}

/**
 * Reads what a batch came to. It failed also when no test did: when it left no report or ended badly, when a file held no
 * test, and when a process ended before its file did, be it with code 0.
 */
function readOutcome(
  file: string,
  code: number | null,
  { files, shared }: Pick<Batch, "files" | "shared">,
): { readonly outcome: Outcome; readonly problem?: string } {
  const fails = (problem: string) => ({
    outcome: { passed: 0, failed: 1, skipped: 0 },
    problem,
  });
  if (!existsSync(file)) return fails(`the run ended before its tests did, with ${code}`);
  const { counts, ended, empty } = JSON.parse(readFileSync(file, "utf8")) as TestReport;
  const count = (word: string) => counts[word] ?? 0;
  const outcome = {
    passed: count("passed"),
    failed: count("failed") + count("cancelled"),
    skipped: count("skipped") + count("todo"),
  };
  if (outcome.failed > 0) return { outcome };
  if (count("tests") === 0) return fails("no test ran");
  const unproven = shared ? empty : files.filter((name) => !ended.includes(resolve(name)));
  if (unproven.length > 0) {
    return fails(
      `there is no test in ${unproven.join(", ")}, or its process ended before they did`,
    );
  }
  return code === 0 ? { outcome } : fails(`the run ended with ${code}, and no test failed`);
}

async function main(): Promise<number> {
  const [wanted = "all", ...only] = process.argv.slice(2);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const together = Object.keys(groups).filter((name) => groups[name]?.apart !== true);
  for (const name of wanted === "all" ? together : [wanted]) {
    const group = groups[name];
    if (!group) {
      process.stderr.write(
        `ERROR: "${name}" is no group of tests; there are ${Object.keys(groups).join(", ")}\n`,
      );
      return 2;
    }
    const batches = batchesOf(group, only);
    process.stdout.write(`\n== ${name}\n`);
    const work = batches.values();
    const worker = async () => {
      for (const batch of work) {
        const outcome = await runBatch(batch);
        total.passed += outcome.passed;
        total.failed += outcome.failed;
        total.skipped += outcome.skipped;
      }
    };
    await Promise.all(Array.from({ length: group.parallel }, worker));
  }
  const { passed, failed, skipped } = total;
  const tail = skipped > 0 ? `, ${skipped} skipped` : "";
  process.stdout.write(`\n${passed} passed, ${failed} failed${tail}\n`);
  return failed > 0 || skipped > 0 || passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
