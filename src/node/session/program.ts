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

/** Sees what passes between client and program. Chunks are valid during the call only: their memory is used again. */
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

/**
 * Kills every process of a session: those whose kernel session is that of `leader` (shells put each job into a group of
 * its own), and those that left it and still carry `marker` in their environment, which children inherit.
 */
export function killProcesses(leader: number, marker: string): void {
  signalGroup(leader, "SIGKILL");
  for (const pid of listProcesses()) {
    if (sessionOf(pid) !== leader && !carries(pid, marker)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself, or belongs to somebody else.
    }
  }
}

/** The variable by which the processes of a session are known. */
export function markerOf(env: Readonly<Record<string, string>>): string {
  return `SSH_SESSION_ID=${env["SSH_SESSION_ID"] ?? ""}`;
}

/** Process ids. Empty where there is no /proc. */
function listProcesses(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function carries(pid: string, marker: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(marker);
  } catch {
    return false;
  }
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
