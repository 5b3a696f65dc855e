/** A console that records what a command prints and answers its questions from a list. No terminal, no process. */
import { PassThrough } from "node:stream";
import type { Console } from "#cli/console.ts";
import { noProgress } from "#cli/progress.ts";
import { createPrompt } from "#cli/prompt.ts";
import { LineReader } from "#cli/stdin.ts";

/** One piece of output in the order of writing. */
export interface Written {
  readonly to: "stdout" | "stderr";
  readonly text: string;
}

/** What a memory console starts with. */
export interface MemoryConsoleOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly columns?: number;
  readonly signal?: AbortSignal;
}

/** A {@link Console} whose output can be read back. */
export interface MemoryConsole extends Console {
  readonly written: readonly Written[];
  stdout(): string;
  stderr(): string;
}

/** Makes one. Stdin is the given text and ends there; it is no terminal. */
export function createMemoryConsole(options: MemoryConsoleOptions = {}): MemoryConsole {
  const written: Written[] = [];
  const input = new PassThrough();
  input.end(options.stdin ?? "");
  const reader = new LineReader(input, options.signal ?? new AbortController().signal);
  const write = (to: Written["to"], text: string) => written.push({ to, text });
  const all = (to: Written["to"]) =>
    written
      .filter((piece) => piece.to === to)
      .map((piece) => piece.text)
      .join("");
  return {
    written,
    stdout: () => all("stdout"),
    stderr: () => all("stderr"),
    write: (text) => write("stdout", text),
    print: (line = "") => write("stdout", `${line}\n`),
    note: (line) => write("stderr", `${line}\n`),
    prompt: createPrompt(reader, (text) => write("stderr", text)),
    progress: () => noProgress,
    env: options.env ?? {},
    cwd: options.cwd ?? "/",
    readStdin: (limit) => reader.readAll(limit),
    interactive: false,
    columns: options.columns ?? 80,
  };
}
