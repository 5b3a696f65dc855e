/**
 * One session with this process's streams: a shell on the terminal, or a command with its input, output and exit code.
 * The terminal is always given back in the state that it was in.
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { ClientConnection } from "#ssh/client.ts";
import type { ClientSession, SessionExit } from "#ssh/connection/client-session.ts";
import type { ClusterAccess } from "../access.ts";
import { openSession } from "./connect.ts";

/** Streams of the process. The outputs are done with a chunk when they call back: its memory is freed then. */
export interface SessionStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** What to run, and how. */
export interface SessionOptions {
  readonly connection: ClientConnection;
  readonly access: ClusterAccess;
  readonly streams: SessionStreams;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A shell command line; undefined for a login shell. */
  readonly command: string | undefined;
  /** Ask for a terminal. */
  readonly tty: boolean;
  readonly forwardAgent: boolean;
  readonly signal: AbortSignal;
}

/** Variables that a remote program wants to know; a node takes what it likes. */
const passedOn = ["LANG", "LANGUAGE"];

/** Runs to the end and tells how it ended. */
export async function runSession(options: SessionOptions): Promise<SessionExit> {
  const { connection, access, streams, signal } = options;
  const session = await openSession(connection, access);
  const abort = () => connection.close();
  signal.addEventListener("abort", abort, { once: true });
  const restore = options.tty ? useTerminal(session, streams) : () => {};
  try {
    await begin(session, options);
    return await exchange(session, streams);
  } finally {
    restore();
    signal.removeEventListener("abort", abort);
  }
}

/** The exit code that a shell gives for how a remote program ended. Throws `unavailable` when nobody said. */
export function exitCodeOf(exit: SessionExit): number {
  if (exit.status !== undefined) return exit.status;
  if (exit.signal !== undefined) return 128 + (signals[exit.signal] ?? 0);
  throw new Fault("unavailable", "the connection was lost before the program ended");
}

/** The sentence about an end that was not a success; undefined for success. */
export function describeExit(exit: SessionExit): string | undefined {
  const code = exitCodeOf(exit);
  if (exit.signal !== undefined) {
    return `Process exited with status ${code} from signal ${exit.signal}`;
  }
  return code === 0 ? undefined : `Process exited with status ${code}`;
}

async function begin(session: ClientSession, options: SessionOptions): Promise<void> {
  const { env, command, streams, tty, forwardAgent } = options;
  if (forwardAgent) await session.requestAgentForwarding();
  if (tty) {
    await session.requestPty({
      term: env["TERM"] || "xterm",
      ...sizeOf(streams.stdout),
      modes: new Map(),
    });
  }
  // The answers do not matter, so nobody waits for them.
  for (const name of passedOn) {
    const value = env[name];
    if (value) void session.setEnv(name, value);
  }
  if (command === undefined) await session.shell();
  else await session.exec(command);
}

/** Copies until the remote side is done and everything that it wrote has been passed on. */
async function exchange(session: ClientSession, streams: SessionStreams): Promise<SessionExit> {
  const { channel } = session;
  const { stdin, stdout, stderr } = streams;
  channel.on("error", () => {});
  stdin.pipe(channel);
  channel.consume((chunk, free) => stdout.write(chunk, free));
  channel.stderr.pipe(stderr, { end: false });
  const output = [whenRead(channel), whenRead(channel.stderr)];
  try {
    const exit = await session.exit;
    await Promise.all(output);
    return exit;
  } finally {
    stdin.unpipe(channel);
    stdin.pause();
  }
}

function whenRead(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}

/** Raw input and window changes for the time of a session; gives back what undoes it. */
function useTerminal(session: ClientSession, { stdin, stdout }: SessionStreams): () => void {
  const resize = () => session.resize(sizeOf(stdout));
  const wasRaw = stdin.isRaw;
  if (stdin.isTTY) stdin.setRawMode(true);
  stdout.on("resize", resize);
  return () => {
    stdout.off("resize", resize);
    if (stdin.isTTY) stdin.setRawMode(wasRaw);
  };
}

function sizeOf(stdout: NodeJS.WriteStream) {
  return {
    columns: stdout.columns || 80,
    rows: stdout.rows || 24,
    pixelWidth: 0,
    pixelHeight: 0,
  };
}

/** Numbers of the signals that SSH names (RFC 4254 section 6.10), as Linux counts them. */
const signals: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
};
