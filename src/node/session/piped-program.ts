/** Runs a program without a terminal: three streams, joined to the channel with back-pressure both ways. */
import { spawn } from "node:child_process";
import { messageOf } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { Launch } from "./command.ts";
import {
  killProcesses,
  type Program,
  type ProgramExit,
  type StreamObserver,
  signalGroup,
} from "./program.ts";

/** Starts the program. One that cannot be started ends with status 127 and a line on standard error. */
export function runPiped(launch: Launch, channel: Channel, observer: StreamObserver): Program {
  const { file, args, argv0, env, cwd } = launch;
  const child = spawn(file, args, {
    cwd,
    env: { ...env },
    // A session of its own: a terminal of the node is out of reach, and the group can be ended as a whole.
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(argv0 === undefined ? {} : { argv0 }),
  });
  const { stdin, stdout, stderr } = child;
  const { promise: ended, resolve } = Promise.withResolvers<ProgramExit>();
  child.once("error", (error) => {
    channel.stderr.write(`cannot start ${file}: ${messageOf(error)}\r\n`);
    resolve({ status: 127 });
  });
  child.once("close", (code, signal) =>
    resolve(signal === null ? { status: code ?? 255 } : exitOfSignal(signal)),
  );
  channel.on("data", (chunk: Uint8Array) => observer.input(chunk));
  stdout.on("data", (chunk: Uint8Array) => observer.output(chunk));
  channel.pipe(stdin);
  // A program that reads no more must not keep the client from ending; what still comes is dropped.
  stdin.on("error", () => {
    channel.unpipe(stdin);
    channel.resume();
  });
  stdout.pipe(channel, { end: false });
  stderr.pipe(channel.stderr, { end: false });
  void channel.whenClosed.then(() => {
    stdout.resume();
    stderr.resume();
    stdin.destroy();
  });
  const { pid } = child;
  return {
    ended,
    signal: (signal) => pid !== undefined && signalGroup(pid, signal),
    hangUp: () => pid !== undefined && signalGroup(pid, "SIGHUP"),
    kill: () => pid !== undefined && killProcesses(pid),
  };
}

function exitOfSignal(signal: NodeJS.Signals): ProgramExit {
  return { signal: signal.slice(3), coreDumped: false };
}
