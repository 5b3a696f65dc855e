/**
 * Binds a program to this process: arguments, streams, signals, exit code. Called by the two-line main module of each
 * program and nowhere else.
 */
import { writeSync } from "node:fs";
import { endProcess } from "./end-process.ts";
import type { Flags } from "./flag.ts";
import type { Program } from "./program.ts";
import { interruptedExit, runProgram } from "./run.ts";
import { openTerminal } from "./terminal.ts";

/** Exit code of a program whose reader went away, as shells count it: 128 + SIGPIPE. */
const brokenPipeExit = 141;
/** How long a command may take to clean up after Ctrl-C. */
const graceMs = 2000;

/** Runs the program with this process's arguments; when it resolves, the process is about to end. */
export async function runMain<Shared extends Flags, Services>(
  program: Program<Shared, Services>,
): Promise<void> {
  const controller = new AbortController();
  let interrupted = false;
  // Ctrl-C asks the command to stop; a second one, or a command that does not stop, ends the process.
  process.on("SIGINT", () => {
    if (interrupted) process.exit(interruptedExit);
    interrupted = true;
    controller.abort();
    setTimeout(() => process.exit(interruptedExit), graceMs).unref();
  });
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(brokenPipeExit);
      if (stream === process.stdout) sayThatOutputIsLost(error);
      process.exit(1);
    });
  }
  const console = openTerminal(controller.signal);
  const code = await runProgram(program, process.argv.slice(2), console, controller.signal);
  // Open handles of a finished command must not delay the shell's prompt.
  await Promise.all([drain(process.stdout), drain(process.stderr)]);
  endProcess(code);
}

function sayThatOutputIsLost(error: NodeJS.ErrnoException): void {
  const why = error.code === "ENOSPC" ? "there is no space left" : error.message;
  try {
    writeSync(process.stderr.fd, `ERROR: the output cannot be written: ${why}\n`);
  } catch {
    // Nobody can be told.
  }
}

function drain(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
