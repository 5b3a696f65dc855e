/**
 * Pipes for the standard streams of programs. The runtime would give them sockets, which a program cannot open again by
 * name: `echo x > /dev/stderr` fails on a socket. The runtime cannot make pipes, but a shell can: it puts each
 * here-document into one. They are opened through its folder of descriptors (proc(5)) ahead of time, and it ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, fchownSync, fstatSync, openSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";

/** The two ends of a pipe, as file descriptors. Both block. */
export interface Pipe {
  readonly reader: number;
  readonly writer: number;
}

/** The pipes of one program. */
export type StandardPipes = readonly [stdin: Pipe, stdout: Pipe, stderr: Pipe];

/** Programs for which pipes are kept ready. */
const ready = 3;
/** How long after a program started its pipes are replaced, so that the shell does not slow down the start or the program. */
const refillMs = 250;
/** A shell numbers with one digit: 3 to 8. */
const descriptors = [3, 4, 5, 6, 7, 8];

/** Keeps pipes ready. */
export class PipePool implements Closable {
  readonly #log: Logger;
  readonly #pipes: Pipe[] = [];
  #making: Promise<void> | undefined;
  #due: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(log: Logger) {
    this.#log = log;
    this.#refill();
  }

  /** Three pipes that belong to an account; the caller closes all their ends. Undefined where none can be made. */
  async take({ uid, gid }: { uid: number; gid: number }): Promise<StandardPipes | undefined> {
    if (this.#pipes.length < 3) {
      this.#refill();
      await this.#making;
    }
    const [stdin, stdout, stderr] = this.#pipes.splice(0, 3);
    if (this.#pipes.length < ready * 3) this.#refillLater();
    if (stdin === undefined || stdout === undefined || stderr === undefined) return undefined;
    // To open a stream anew by name, a program must have the right to.
    if (process.getuid?.() === 0) {
      for (const { reader } of [stdin, stdout, stderr]) fchownSync(reader, uid, gid);
    }
    return [stdin, stdout, stderr];
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#due);
    await this.#making;
    for (const pipe of this.#pipes.splice(0)) closePipe(pipe);
  }

  #refillLater(): void {
    this.#due ??= setTimeout(() => this.#refill(), refillMs).unref();
  }

  #refill(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    if (this.#closed) return;
    this.#making ??= makePipes()
      .then((made) => {
        this.#pipes.push(...made);
      })
      .catch((error: unknown) => {
        this.#log.warn("no pipes can be made; programs get sockets instead", { error });
      })
      .finally(() => {
        this.#making = undefined;
      });
  }
}

/** Closes both ends. */
export function closePipe({ reader, writer }: Pipe): void {
  closeSync(reader);
  closeSync(writer);
}

async function makePipes(): Promise<Pipe[]> {
  const documents = descriptors.map((fd) => `${fd}<<E`).join(" ");
  const ends = descriptors.map(() => "E").join("\n");
  const shell = spawn("/bin/sh", ["-c", `{ echo; read -r line; } ${documents}\n${ends}\n`], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  try {
    shell.stdin.on("error", () => {});
    await Promise.race([once(shell.stdout, "data"), failure(shell)]);
    return descriptors.map((fd) => openPipe(`/proc/${shell.pid}/fd/${fd}`));
  } finally {
    shell.stdin.destroy();
  }
}

async function failure(shell: ReturnType<typeof spawn>): Promise<never> {
  const [error] = (await once(shell, "exit")) as unknown[];
  throw new Fault("environment", "the shell that makes pipes ended", { cause: error });
}

/** Each end is opened by itself, so that making ours non-blocking leaves the program's as it is. */
function openPipe(path: string): Pipe {
  const reader = openSync(path, constants.O_RDONLY);
  // Some shells use a file.
  if (!fstatSync(reader).isFIFO()) {
    closeSync(reader);
    throw new Fault("environment", "the shell of this machine makes no pipes");
  }
  return { reader, writer: openSync(path, constants.O_WRONLY) };
}
