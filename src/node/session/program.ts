/** A running program of a session, with or without a terminal. How all that it started is ended: `session-killer.ts`. */
import { readFileSync } from "node:fs";
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

/** The process group in the foreground of the terminal that `leader` controls; its own group if there is none. */
export function foregroundGroup(leader: number): number {
  const group = Number(statOf(String(leader))?.[5] ?? 0);
  return group <= 0 ? leader : group;
}

/** The fields of /proc/PID/stat from the state of the process on; undefined when it is gone. */
export function statOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program stands in parentheses and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
