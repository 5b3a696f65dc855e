/** Runs a program in a pseudo-terminal. The library that opens it is loaded with the first terminal. */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { Terminal, TerminalSize } from "#ssh/connection/terminal.ts";
import type { Launch } from "./command.ts";
import {
  foregroundGroup,
  type Program,
  type ProgramExit,
  type StreamObserver,
  signalGroup,
} from "./program.ts";
import type { SessionKiller } from "./session-killer.ts";
import { signalName } from "./signals.ts";

/** The library's terminal, with the stream that its published types leave out: only a stream has back-pressure. */
interface PtyProcess {
  readonly pid: number;
  readonly _socket?: Duplex;
  resize(columns: number, rows: number): void;
  onExit(listener: (exit: { exitCode: number; signal?: number }) => void): unknown;
  on?(event: "error", listener: (error: Error) => void): void;
}

/** Sizes that a terminal can have; a client that says 0 does not know. */
const size = { columns: 80, rows: 24, most: 10_000 };

/** Starts the program in a new terminal that becomes its controlling one. */
export async function runInTerminal(
  launch: Launch,
  channel: Channel,
  terminal: Terminal,
  observer: StreamObserver,
  killer: SessionKiller,
): Promise<Program> {
  const { spawn } = await import("@lydell/node-pty");
  const { columns, rows } = clampSize(terminal);
  const pty: PtyProcess = spawn(launch.file, [...launch.args], {
    cols: columns,
    rows,
    cwd: launch.cwd,
    env: { ...launch.env },
    name: launch.env["TERM"] ?? "dumb",
    encoding: null,
  });
  const stream = pty._socket;
  if (stream === undefined) throw new Fault("internal", "the terminal library has no stream");
  pty.on?.("error", () => {});
  const { promise: ended, resolve } = Promise.withResolvers<ProgramExit>();
  let over = false;
  pty.onExit(({ exitCode, signal = 0 }) => {
    over = true;
    resolve(
      signal === 0 ? { status: exitCode } : { signal: signalName(signal), coreDumped: false },
    );
  });
  channel.on("data", (chunk: Uint8Array) => observer.input(chunk));
  stream.on("data", (chunk: Uint8Array) => observer.output(chunk));
  stream.pipe(channel, { end: false });
  // The end of the input is no end of the terminal: the program goes on until it is told.
  channel.pipe(stream, { end: false });
  void channel.whenClosed.then(() => stream.resume());
  return {
    ended,
    signal: (signal) => !over && signalGroup(foregroundGroup(pty.pid), signal),
    resize(wanted) {
      if (over) return;
      const next = clampSize(wanted);
      pty.resize(next.columns, next.rows);
    },
    hangUp() {
      if (over) return;
      // Closing the master hangs the terminal up: the kernel tells the foreground and the leader.
      stream.destroy();
      signalGroup(pty.pid, "SIGHUP");
    },
    kill: () => killer.kill(pty.pid, launch.env),
  };
}

/** A size that the kernel takes. */
export function clampSize({ columns, rows }: TerminalSize): { columns: number; rows: number } {
  const clamp = (value: number, otherwise: number): number =>
    value === 0 ? otherwise : Math.min(value, size.most);
  return { columns: clamp(columns, size.columns), rows: clamp(rows, size.rows) };
}
