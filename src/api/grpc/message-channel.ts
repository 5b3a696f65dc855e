/**
 * Messages in both directions over one HTTP/2 stream, the same for client and server: back-pressure both
 * ways, no interpretation of the bytes. Reading past the size limits throws; headers, trailers and status are
 * the business of the call that owns the channel.
 */
import { constants, type Http2Stream } from "node:http2";
import { Fault } from "#base/fault.ts";
import { maxMessageBytes, maxUnreadBytes } from "./limits.ts";
import { encodePrefix, MessageReader } from "./message-reader.ts";

/** Unread bytes of one stream above which it is paused: one message of the greatest length fits. */
const pauseBytes = maxMessageBytes + 1024 * 1024;

/** Unread bytes that a stream may hold even when its connection has used up the budget. */
const spareBytes = 64 * 1024;

/** Messages up to this size travel in one write with their prefix. */
const copyBytes = 16 * 1024;

/** Counts the unread bytes of all streams of a connection. */
export interface UnreadBudget {
  unread: number;
}

/** A message stream over an HTTP/2 stream. */
export class MessageChannel {
  readonly stream: Http2Stream;
  readonly #reader = new MessageReader();
  readonly #budget: UnreadBudget;
  #ended = false;
  #released = false;
  #onReadable: () => void = () => {};

  constructor(stream: Http2Stream, budget: UnreadBudget) {
    this.stream = stream;
    this.#budget = budget;
    stream.on("data", (chunk: Uint8Array) => this.#arrived(chunk));
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#end());
    stream.on("error", () => this.#end());
  }

  /** No more bytes will come. Whole messages may still wait to be polled. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sets the one listener that hears of new bytes, and of the end. */
  onReadable(listener: () => void): void {
    this.#onReadable = listener;
  }

  /**
   * The next message if it is here. Throws what {@link MessageReader.poll} throws, and `internal` when the
   * stream ended inside a message.
   */
  poll(): Uint8Array | undefined {
    if (this.#released) return undefined;
    const before = this.#reader.buffered;
    const message = this.#reader.poll();
    this.#budget.unread -= before - this.#reader.buffered;
    if (message === undefined) {
      if (this.#ended && !this.#reader.atBoundary) {
        throw new Fault("internal", "the stream ended inside a message");
      }
      if (this.stream.isPaused()) this.stream.resume();
    }
    return message;
  }

  /** The next message, or undefined at the end of the stream. Rejects with the reason of `signal`. */
  async receive(signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const message = this.poll();
      if (message !== undefined) return message;
      if (this.#ended) return undefined;
      await this.#more(signal);
    }
  }

  /**
   * Sends one message and resolves when more may be sent. Throws `limit` for a message that the peer would
   * refuse for its size; rejects with the reason of `signal`.
   */
  async send(message: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (message.length > maxMessageBytes) {
      throw new Fault(
        "limit",
        `message of ${message.length} bytes exceeds the limit of ${maxMessageBytes}`,
        { hint: "divide what is sent, for example one large resource into several" },
      );
    }
    if (!this.stream.writable) throw new Fault("canceled", "the stream is closed");
    if (!this.#write(message)) await this.#drained(signal);
  }

  #write(message: Uint8Array): boolean {
    const prefix = encodePrefix(message.length);
    if (message.length <= copyBytes) {
      const joined = new Uint8Array(prefix.length + message.length);
      joined.set(prefix);
      joined.set(message, prefix.length);
      return this.stream.write(joined);
    }
    this.stream.cork();
    this.stream.write(prefix);
    const more = this.stream.write(message);
    this.stream.uncork();
    return more;
  }

  #arrived(chunk: Uint8Array): void {
    if (this.#released) return;
    this.#reader.push(chunk);
    this.#budget.unread += chunk.length;
    if (this.#reader.buffered > pauseBytes) this.stream.pause();
    if (this.#budget.unread > maxUnreadBytes && this.#reader.buffered > spareBytes) {
      this.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    this.#onReadable();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onReadable();
  }

  /** Gives the budget back what was never read; the owner calls it when the call is over. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.unread -= this.#reader.buffered;
  }

  #more(signal: AbortSignal): Promise<void> {
    return settleOn(signal, (resolve) => {
      this.#onReadable = resolve;
      return () => {
        this.#onReadable = () => {};
      };
    });
  }

  #drained(signal: AbortSignal): Promise<void> {
    return settleOn(signal, (resolve) => {
      this.stream.once("drain", resolve);
      this.stream.once("close", resolve);
      return () => {
        this.stream.off("drain", resolve);
        this.stream.off("close", resolve);
      };
    });
  }
}

/** Waits for an event or for the abort, and takes the listeners off in both cases. */
function settleOn(signal: AbortSignal, listen: (resolve: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      signal.removeEventListener("abort", abort);
      forget();
      resolve();
    };
    const abort = () => {
      forget();
      reject(signal.reason);
    };
    const forget = listen(finish);
    signal.addEventListener("abort", abort, { once: true });
  });
}
