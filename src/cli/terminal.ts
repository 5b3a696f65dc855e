/** The console of the machine: `process.stdin`, `stdout`, `stderr` and the environment. */

import { showable } from "#base/showable.ts";
import { refuseClosedOutput } from "./closed-output.ts";
import type { Console } from "./console.ts";
import { noProgress, type Progress, Spinner } from "./progress.ts";
import { createPrompt } from "./prompt.ts";
import { LineReader } from "./stdin.ts";

/** Columns that text is fitted to when stdout is no terminal. */
const defaultColumns = 80;

/** A console over the streams of this process. `signal` ends pending questions. */
export function openTerminal(signal: AbortSignal): Console {
  let reader: LineReader | undefined;
  let spinner: Spinner | undefined;
  const input = () => {
    reader ??= new LineReader(process.stdin, signal);
    return reader;
  };
  const write = (text: string) => {
    spinner?.erase();
    refuseClosedOutput(process.env);
    process.stdout.write(text);
  };
  const tell = (text: string) => {
    spinner?.erase();
    process.stderr.write(text);
  };
  return {
    write,
    print: (line = "") => write(`${showable(line)}\n`),
    note: (line) => tell(`${showable(line)}\n`),
    get prompt() {
      // A question has the line for itself.
      spinner?.stop();
      return createPrompt(input(), tell);
    },
    progress(label): Progress {
      if (process.stderr.isTTY !== true) return noProgress;
      spinner?.stop();
      spinner = new Spinner(label, (text) => process.stderr.write(text));
      return spinner;
    },
    cwd: process.cwd(),
    env: process.env,
    readStdin: (limit) => input().readAll(limit),
    get interactive() {
      return process.stdin.isTTY === true;
    },
    get columns() {
      return process.stdout.columns ?? defaultColumns;
    },
  };
}
