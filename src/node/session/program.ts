/** A running program of a session, with or without a terminal, and how all that it started is ended. */
import { readdirSync, readFileSync } from "node:fs";
import type { TerminalSize } from "#ssh/connection/terminal.ts";

/** How a program ended. Signals are named without "SIG". */
export type ProgramExit =
  | { readonly status: number }
  | { readonly signal: string; readonly coreDumped: boolean };

/** A program that was started for a session. It leads a session of processes of its own. */
export interface Program {
  /** Settles when the program has ended and everything that it wrote has been passed on. Never rejects. */
  readonly ended: Promise<ProgramExit>;
  /** Sends a signal to the foreground processes. False if they are gone. */
  signal(signal: NodeJS.Signals): boolean;
  resize?(size: TerminalSize): void;
  /** The client has gone: what does not ignore a hang-up ends. */
  hangUp(): void;
  /** Ends every process of the session at once. */
  kill(): void;
}

/** Sees what passes between client and program. */
export interface StreamObserver {
  input(chunk: Uint8Array): void;
  /** Standard output; errors are not told. */
  output(chunk: Uint8Array): void;
}

/** Signals a process group. False if there is none. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

/** Kills every process whose kernel session is that of `leader`: shells put each job into a group of its own. */
export function killProcesses(leader: number): void {
  signalGroup(leader, "SIGKILL");
  for (const pid of processesOf(leader)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

/** Process ids by the session field of /proc/PID/stat (proc(5)). Empty where there is no /proc. */
function processesOf(leader: number): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name) && sessionOf(name) === leader).map(Number);
}

/** The process group in the foreground of the terminal that `leader` controls; its own group if there is none. */
export function foregroundGroup(leader: number): number {
  const group = statField(String(leader), 5);
  return group === undefined || group <= 0 ? leader : group;
}

const sessionOf = (pid: string): number | undefined => statField(pid, 3);

/** A number of /proc/PID/stat, counted from the state of the process. */
function statField(pid: string, index: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[index]);
  } catch {
    return undefined;
  }
}
