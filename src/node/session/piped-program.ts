/** Runs a program without a terminal: three streams, joined to the channel with back-pressure both ways. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { messageOf } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { Launch } from "./command.ts";
import type { StandardPipes } from "./pipes.ts";
import { type Program, type ProgramExit, type StreamObserver, signalGroup } from "./program.ts";
import type { SessionKiller } from "./session-killer.ts";

/** Most programs say little; from one that fills the first buffer, as much is read at once as a pipe holds. */
const outputBuffer = { first: 4096, full: 65_536 };

/** Our ends of a program's standard streams. */
interface Streams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/**
 * Starts the program, which gets `pipes`; without them it gets sockets. One that cannot be started ends with status 127
 * and a line on standard error.
 */
export function runPiped(
  launch: Launch,
  pipes: StandardPipes | undefined,
  channel: Channel,
  observer: StreamObserver,
  killer: SessionKiller,
): Program {
  const child = startChild(launch, pipes);
  const { stdin, stdout, stderr } = streamsOf(child, pipes, channel, observer);
  channel.consume((chunk, free) => {
    observer.input(chunk);
    // A program that reads no more must not keep the client from ending; what still comes is dropped.
    if (stdin.writable) stdin.write(chunk, free);
    else free();
  });
  channel.once("end", () => stdin.end());
  stdin.on("error", () => {});
  void channel.whenClosed.then(() => {
    // A program that goes on writing must not wait for a reader that has gone.
    stdout.resume();
    stderr.resume();
    stdin.destroy();
  });
  const { pid } = child;
  return {
    ended: waitForEnd(child, { stdin, stdout, stderr }, channel.whenClosed, (error) =>
      channel.stderr.write(`cannot start ${launch.file}: ${messageOf(error)}\r\n`),
    ),
    signal: (signal) => pid !== undefined && signalGroup(pid, signal),
    hangUp: () => pid !== undefined && signalGroup(pid, "SIGHUP"),
    kill: () => pid !== undefined && killer.kill(pid, launch.env),
  };
}

function startChild({ file, args, argv0, env, cwd }: Launch, pipes: StandardPipes | undefined) {
  const [stdin, stdout, stderr] = pipes ?? [];
  const child = spawn(file, args, {
    cwd,
    env: { ...env },
    // A session of its own: a terminal of the node is out of reach, and the group can be ended as a whole.
    detached: true,
    stdio: [stdin?.reader ?? "pipe", stdout?.writer ?? "pipe", stderr?.writer ?? "pipe"],
    ...(argv0 === undefined ? {} : { argv0 }),
  });
  for (const fd of [stdin?.reader, stdout?.writer, stderr?.writer]) {
    if (fd !== undefined) closeSync(fd);
  }
  return child;
}

/** Output goes from here to the channel. */
function streamsOf(
  child: ChildProcess,
  pipes: StandardPipes | undefined,
  channel: Channel,
  observer: StreamObserver,
): Streams {
  const { stdin, stdout, stderr } = child;
  if (stdin !== null && stdout !== null && stderr !== null) {
    stdout.on("data", (chunk: Uint8Array) => observer.output(chunk));
    stdout.pipe(channel, { end: false });
    stderr.pipe(channel.stderr, { end: false });
    return { stdin, stdout, stderr };
  }
  const [input, output, errors] = pipes ?? [];
  return {
    stdin: new Socket({ fd: input?.writer ?? -1, readable: false }),
    stdout: passOn(output?.reader ?? -1, channel, (chunk) => observer.output(chunk)),
    stderr: passOn(errors?.reader ?? -1, channel.stderr, () => {}),
  };
}

/**
 * Writes what comes out of a pipe to a stream of a channel. All reads go into one buffer of this program's own, which is
 * filled again when the channel has sent what is in it: a new one for each would keep the collector busier than everything
 * else here.
 */
function passOn(fd: number, to: Duplex, observe: (chunk: Uint8Array) => void): Readable {
  let buffer = Buffer.allocUnsafeSlow(outputBuffer.first);
  const callback = (length: number): boolean => {
    const chunk = buffer.subarray(0, length);
    if (length === buffer.length && length < outputBuffer.full) {
      buffer = Buffer.allocUnsafeSlow(outputBuffer.full);
    }
    observe(chunk);
    // Nobody reads any more: the program must not wait.
    if (!to.writable) return true;
    let waits = false;
    to.write(chunk, () => {
      if (waits) pipe.resume();
    });
    waits = to.writableLength > 0;
    return !waits;
  };
  const pipe: Socket = new Socket({
    fd,
    writable: false,
    onread: { buffer: () => buffer, callback },
  });
  return pipe.resume();
}

/**
 * Waits for the program, and for the last of its output as long as somebody wants it: others that it started may hold
 * its streams open for ever.
 */
async function waitForEnd(
  child: ChildProcess,
  { stdin, stdout, stderr }: Streams,
  unwanted: Promise<void>,
  failed: (error: Error) => void,
): Promise<ProgramExit> {
  const exit = await new Promise<ProgramExit>((resolve) => {
    child.once("error", (error) => {
      failed(error);
      resolve({ status: 127 });
    });
    child.once("exit", (code, signal) =>
      resolve(
        signal === null ? { status: code ?? 255 } : { signal: signal.slice(3), coreDumped: false },
      ),
    );
  });
  const options = { writable: false, cleanup: true };
  const written = Promise.allSettled([finished(stdout, options), finished(stderr, options)]);
  await Promise.race([written, unwanted]);
  for (const stream of [stdin, stdout, stderr]) stream.destroy();
  return exit;
}
