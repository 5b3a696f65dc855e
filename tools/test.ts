/**
 * Runs the tests: `tools/test.ts [unit|interop|e2e|all] [FILE…]`. Ends with one line that counts them. A skipped test is a
 * failure, because it proves nothing.
 *
 * Unit tests of one folder share a process, which saves most of the time; the others have one each.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";

interface Group {
  readonly globs: readonly string[];
  /** Tests of one folder may share a process. */
  readonly shared: boolean;
  readonly parallel: number;
}

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
function runBatch({ name, files, shared }: Batch): Promise<Outcome> {
  const isolation = shared ? ["--test-isolation=none"] : [];
  const options = ["--test", "--test-force-exit", "--test-reporter=spec", ...isolation];
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...options, ...files], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("close", (code) => {
      const text = Buffer.concat(output).toString();
      const outcome = readOutcome(text, code);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const good = outcome.failed === 0 && outcome.skipped === 0;
      process.stdout.write(
        `${good ? "ok  " : "FAIL"} ${name}: ${outcome.passed} passed (${seconds} s)\n`,
      );
      if (!good) process.stdout.write(text);
      resolve(outcome);
    });
  });
}

/** Reads the closing lines of the runner. A process that ended badly without naming a test counts as one failure. */
function readOutcome(text: string, code: number | null): Outcome {
  const count = (word: string) =>
    Number(new RegExp(`^ℹ ${word} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  const failed = count("fail") + count("cancelled");
  return {
    passed: count("pass"),
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

process.exit(await main());
