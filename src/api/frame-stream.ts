/**
 * A byte stream over the messages of a bidirectional call of TransportService: frames of one field go out,
 * frames of one field come in, all others are ignored. Where the stream is cut means nothing.
 */
import { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { decodeFrame, encodeFrameHeader, maxFramePayload } from "./frame-codec.ts";
import type { MessageChannel } from "./grpc/message-channel.ts";

const highWaterMark = 1024 * 1024;

/** How a call is read, written and ended: the part that differs between client and server. */
export interface FrameCall {
  readonly channel: MessageChannel;
  /** Field of the frames that we send, and of those that we read. */
  readonly out: number;
  readonly in: number;
  /** Says that we send nothing more. */
  finishSending(): void;
  /** The error that ended the call, asked for once nothing more comes. */
  failure(): Promise<Error | undefined>;
  /** Ends the call at once. */
  cancel(error: Error | null): void;
}

/** The byte stream. Destroying it cancels the call; a call that fails destroys it with the fault. */
export class FrameStream extends Duplex {
  readonly #call: FrameCall;
  #over = false;

  constructor(call: FrameCall) {
    super({ allowHalfOpen: true, highWaterMark });
    this.#call = call;
    call.channel.onReadable(() => this.#pull());
  }

  override _read(): void {
    const { stream } = this.#call.channel;
    if (stream.isPaused()) stream.resume();
    this.#pull();
  }

  /** Moves whole messages on until none is left or the reader has enough. */
  #pull(): void {
    const { channel } = this.#call;
    try {
      for (let message = channel.poll(); message; message = channel.poll()) {
        const payload = decodeFrame(message, this.#call.in);
        if (payload?.length && !this.push(payload)) {
          channel.stream.pause();
          return;
        }
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Fault("internal", "reading failed"));
      return;
    }
    if (channel.ended && !this.#over) void this.#finishReading();
  }

  async #finishReading(): Promise<void> {
    this.#over = true;
    const failure = await this.#call.failure();
    if (failure) this.destroy(failure);
    else this.push(null);
  }

  override _write(chunk: Uint8Array, _: unknown, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(writes: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(joinSmall(writes.map((write) => write.chunk)), done);
  }

  #send(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    const { stream } = this.#call.channel;
    if (!stream.writable) {
      done(new Fault("unavailable", "the stream is closed"));
      return;
    }
    let more = true;
    stream.cork();
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += maxFramePayload) {
        const payload = chunk.subarray(at, at + maxFramePayload);
        stream.write(encodeFrameHeader(this.#call.out, payload.length));
        more = stream.write(payload);
      }
    }
    process.nextTick(() => stream.uncork());
    if (more) done();
    else this.#afterDrain(done);
  }

  #afterDrain(done: () => void): void {
    const { stream } = this.#call.channel;
    const settle = () => {
      stream.off("drain", settle);
      stream.off("close", settle);
      done();
    };
    stream.once("drain", settle);
    stream.once("close", settle);
  }

  override _final(done: () => void): void {
    this.#call.finishSending();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#call.channel.onReadable(() => {});
    this.#call.cancel(error);
    done(error);
  }
}

/** Joins neighbours so that one frame carries many small writes. */
function joinSmall(chunks: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let length = 0;
  const flush = () => {
    const [first] = run;
    if (first) joined.push(run.length === 1 ? first : Buffer.concat(run, length));
    run = [];
    length = 0;
  };
  for (const chunk of chunks) {
    if (length + chunk.length > maxFramePayload) flush();
    run.push(chunk);
    length += chunk.length;
  }
  flush();
  return joined;
}
