/**
 * Joins a person to a pod's streams, with nothing in between but a count. When it must end, a WebSocket client is told
 * why: a Status on the error channel (v5.channel.k8s.io), between two frames of what the pod says. SPDY compresses its
 * headers over the whole connection, so there the end is all that is told.
 */
import type { Duplex } from "node:stream";
import { statusOf } from "#api/kube-status.ts";
import type { Fault } from "#base/fault.ts";
import type { UpgradeProtocol } from "./headers.ts";
import { closeFrame, FrameBoundary, messageFrame } from "./web-socket.ts";

/** A connection, and what already came on it. */
interface Side {
  readonly stream: Duplex;
  readonly head: Buffer;
}

/** Bytes that went each way. */
export interface ByteCount {
  toPod: number;
  toPerson: number;
}

/** Two joined connections. */
export interface JoinedStreams {
  /** Resolves when both have closed. */
  readonly ended: Promise<ByteCount>;
  /** Ends both with the reason. */
  cut(reason: Fault): void;
}

/** The channel on which a pod's end says how it ended. */
const errorChannel = 3;
/** How long the last words may take to leave. */
const lastWordsMs = 100;
/** How long what a pod has said before its end may take to leave. */
const leaveMs = 10_000;

/** Joins them. `onBytes` is called whenever something passes. */
export function joinStreams(
  person: Side,
  pod: Side,
  options: { readonly protocol: UpgradeProtocol; readonly onBytes: () => void },
): JoinedStreams {
  const count: ByteCount = { toPod: 0, toPerson: 0 };
  const boundary = options.protocol === "websocket" ? new FrameBoundary() : undefined;
  passOn(person, pod, (chunk) => {
    count.toPod += chunk.length;
    options.onBytes();
  });
  passOn(pod, person, (chunk) => {
    count.toPerson += chunk.length;
    boundary?.pass(chunk);
    options.onBytes();
  });
  return {
    ended: Promise.all([closed(person.stream), closed(pod.stream)]).then(() => count),
    cut(reason) {
      pod.stream.removeAllListeners("data");
      pod.stream.destroy();
      if (boundary?.isBetweenFrames !== true) {
        person.stream.destroy();
        return;
      }
      const status = Buffer.from(JSON.stringify(statusOf(reason)));
      person.stream.write(messageFrame(Buffer.concat([Buffer.of(errorChannel), status])));
      person.stream.end(closeFrame());
      setTimeout(() => person.stream.destroy(), lastWordsMs).unref();
    },
  };
}

function passOn(from: Side, to: Side, see: (chunk: Buffer) => void): void {
  const source = from.stream;
  const sink = to.stream;
  const send = (chunk: Buffer) => {
    see(chunk);
    if (!sink.write(chunk)) source.pause();
  };
  source.on("error", () => source.destroy());
  if (from.head.length > 0) send(from.head);
  source.on("data", send);
  sink.on("drain", () => source.resume());
  source.once("end", () => sink.end());
  source.once("close", () => leave(sink));
}

/** The other side is gone: what was written still leaves, what comes goes nowhere. */
function leave(stream: Duplex): void {
  stream.removeAllListeners("data");
  stream.resume();
  if (!stream.writableEnded) stream.end();
  setTimeout(() => stream.destroy(), leaveMs).unref();
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once("close", resolve);
  });
}
