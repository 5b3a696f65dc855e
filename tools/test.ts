/**
 * Runs the tests: `tools/test.ts [unit|interop|e2e|all] [FILE…]`. Ends with one line that counts them. A skipped test is a
 * failure, because it proves nothing.
 *
 * Unit tests of one folder share a process, which saves most of the time; the others have one each.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

interface Group {
  readonly globs: readonly string[];
  /** Tests of one folder may share a process. */
  readonly shared: boolean;
  readonly parallel: number;
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
  const child = spawn(process.execPath, [...options, ...isolation, ...files], {
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
  const outcome = readOutcome(countsFile, code);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const good = outcome.failed === 0 && outcome.skipped === 0;
  process.stdout.write(
    `${good ? "ok  " : "FAIL"} ${name}: ${outcome.passed} passed (${seconds} s)\n`,
  );
  if (!good) process.stdout.write(Buffer.concat(output));
  return outcome;
}

/**
 * Reads the counts of a batch. One that leaves none, has no tests or ends badly without naming one counts as a
 * failure.
 */
function readOutcome(file: string, code: number | null): Outcome {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const counts = JSON.parse(readFileSync(file, "utf8")) as Record<string, number>;
  const count = (word: string) => counts[word] ?? 0;
  const failed = count("failed") + count("cancelled");
  if (count("tests") === 0) return { passed: 0, failed: 1, skipped: 0 };
  return {
    passed: count("passed"),
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: count("skipped") + count("todo"),
  };
}

async function main(): Promise<number> {
  const [wanted = "all", ...only] = process.argv.slice(2);
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of wanted === "all" ? Object.keys(groups) : [wanted]) {
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
