/**
 * The port between a command and the person: results go to stdout, messages to stderr, questions to the terminal.
 * Commands never touch `process`. `terminal.ts` is the machine's implementation.
 */
import type { Progress } from "./progress.ts";
import type { Prompt } from "./prompt.ts";

/** Where a command reads and writes. */
export interface Console {
  /** Writes text to stdout as it is. */
  write(text: string): void;
  /** Writes a line to stdout: the result. */
  print(line?: string): void;
  /** Writes a line to stderr: what the person should know besides the result. */
  note(line: string): void;
  /** Asks; see {@link Prompt}. */
  readonly prompt: Prompt;
  /** Shows that something is going on, on a terminal only. */
  progress(label: string): Progress;
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of stdin as text, at most `limit` bytes. */
  readStdin(limit?: number): Promise<string>;
  /** True when a person, and not a pipe, is at stdin. */
  readonly interactive: boolean;
  /** Columns of the terminal behind stdout; 80 when there is none. */
  readonly columns: number;
}
