/**
 * `npm run fuzz -- [--minutes N] [--target NAME] [--seed N] [--input FILE]`: attacks every parser that a stranger
 * reaches, one target after the other. A find is written to `.fuzz/<target>/<hash>` with the command that repeats it.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { hex } from "#base/bytes.ts";
import { nearest } from "#base/nearest.ts";
import { readOptions } from "../tools/usage.ts";
import { judge, type Target } from "./target.ts";
import { targets } from "./targets.ts";
import { sharedHeader, type WorkerReport, type WorkerTask } from "./worker.ts";

/** An input that keeps a thread busy for so long never ends. */
const stuckMs = 20_000;

const usage = `usage: npm run fuzz -- [--minutes N] [--target NAME]… [--seed N] [--input FILE]
targets: ${targets.map((target) => target.name).join(", ")}`;
const values = readOptions(
  usage,
  () =>
    parseArgs({
      options: {
        minutes: { type: "string", default: "10" },
        target: { type: "string", multiple: true },
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        input: { type: "string" },
      },
    }).values,
);

const chosen = values.target === undefined ? targets : values.target.map(findTarget);
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  fail("--minutes and --seed take numbers, as in: npm run fuzz -- --minutes 5 --seed 1");
}
if (values.input === undefined) await attackAll(minutes, seed);
else await repeat(values.input);

function findTarget(name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = targets.map((target) => target.name);
  const guess = nearest(name, names);
  return fail(`there is no target "${name}"; did you mean ${guess ?? names.join(", ")}?`);
}

function fail(message: string): never {
  process.stderr.write(`ERROR: ${message}\n`);
  process.exit(2);
}

async function attackAll(minutes: number, seed: number): Promise<void> {
  const ms = (minutes * 60_000) / chosen.length;
  process.stdout.write(`${chosen.length} targets, ${minutes} minutes, seed ${seed}\n`);
  let finds = 0;
  for (const target of chosen) {
    const report = await attack(target, seed, ms);
    const rate = `${report.inputs} inputs, ${report.outcomes} outcomes`;
    process.stdout.write(`${report.find ? "FIND" : "ok  "}  ${target.name.padEnd(20)}  ${rate}\n`);
    if (report.find === undefined) continue;
    finds++;
    process.stdout.write(`${report.find.error}\n${keep(target, report.find.input)}\n`);
  }
  process.stdout.write(finds === 0 ? "nothing found\n" : `${finds} finds\n`);
  process.exitCode = finds === 0 ? 0 : 1;
}

/** Runs one target in a thread and watches that it moves on. */
function attack(target: Target, seed: number, ms: number): Promise<WorkerReport> {
  const shared = new SharedArrayBuffer(sharedHeader + target.maxLength + 65_536);
  const head = new Int32Array(shared, 0, 2);
  const workerData: WorkerTask = { target: target.name, seed, ms, shared };
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData });
  return new Promise((resolve) => {
    let seen = -1;
    let since = performance.now();
    const settle = (report: WorkerReport) => {
      clearInterval(watch);
      void worker.terminate();
      resolve(report);
    };
    const stop = (error: string) => {
      const input = new Uint8Array(shared, sharedHeader, Atomics.load(head, 1)).slice();
      settle({ inputs: Atomics.load(head, 0), outcomes: 0, find: { input, error } });
    };
    const watch = setInterval(() => {
      const now = Atomics.load(head, 0);
      if (now !== seen) [seen, since] = [now, performance.now()];
      else if (performance.now() - since > stuckMs) stop("the input never ends");
    }, 1000);
    worker.once("message", settle);
    worker.once("error", (error) => stop(String(error)));
  });
}

/** Keeps the input and gives the command that runs it again. */
function keep(target: Target, input: Uint8Array): string {
  const hash = hex(new Uint8Array(createHash("sha256").update(input).digest())).slice(0, 16);
  const folder = join(".fuzz", target.name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, hash);
  writeFileSync(file, input);
  return `again: npm run fuzz -- --target ${target.name} --input ${file}`;
}

/** Runs one kept input. */
async function repeat(file: string): Promise<void> {
  const [target, ...others] = chosen;
  if (target === undefined || others.length > 0) fail("--input needs one --target");
  const session = await target.open();
  const { signature, find } = await judge(session, new Uint8Array(readFileSync(file)));
  await session.close?.();
  if (find === undefined) {
    process.stdout.write(`ok  ${target.name}: ${signature}\n`);
    return;
  }
  const text = find instanceof Error ? (find.stack ?? find.message) : String(find);
  process.stdout.write(`FIND  ${target.name}\n${text}\n`);
  process.exitCode = 1;
}
