/** Measuring processes and loops: medians of rounds in which both sides take turns, so that a busy machine slows both. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** A program with its arguments and environment. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Runs before each time, outside the measurement. */
  readonly before?: (() => Promise<void>) | undefined;
  /** Text for stdin; null gives no stdin. */
  readonly input?: (() => Promise<string>) | undefined;
}

/** Milliseconds until the program has ended. Throws when it fails, with what it said. */
export async function timeCommand(command: Command): Promise<number> {
  await command.before?.();
  const input = await command.input?.();
  const start = performance.now();
  const child = spawn(command.program, command.args, {
    env: command.env ?? process.env,
    stdio: [input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
    timeout: 45_000,
    killSignal: "SIGKILL",
  });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const ms = performance.now() - start;
  if (code !== 0) {
    throw new Error(`${command.program} ${command.args.join(" ")} ended with ${code}:\n${said}`);
  }
  return ms;
}

/** Median milliseconds of each command, after one round that does not count. */
export async function compareCommands<Name extends string>(
  commands: Readonly<Record<Name, Command | undefined>>,
  rounds: number,
  warmUp = true,
): Promise<Record<Name, number>> {
  const times = new Map<Name, number[]>();
  const names = (Object.keys(commands) as Name[]).filter((name) => commands[name]);
  for (let round = warmUp ? -1 : 0; round < rounds; round++) {
    for (const name of names) {
      const command = commands[name];
      if (command === undefined) continue;
      const ms = await timeCommand(command);
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), ms]);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])])) as Record<
    Name,
    number
  >;
}

/** Calls of `work` in a second. */
export function ratePerSecond(count: number, work: () => void): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) work();
  return (count * 1000) / (performance.now() - start);
}

/** Finished calls in a second, so many at once. */
export async function rateAtOnce(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (count * 1000) / (performance.now() - start);
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value that this share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Resident memory of a process in MiB. */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** The most mebibytes that a process has held so far; zero when it is gone. */
export function peakMib(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Ends a child that was started here and waits until it is gone. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  const hung = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(hung);
}
