/**
 * Gathers what is written in one turn of the event loop, so that many packets cost the byte stream one write: below it are
 * system calls, and records of TLS.
 */
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { discard } from "#base/bytes.ts";

/** A piece has room for more of what it begins with: most turns write one short message, and bulk data comes in long ones. */
const size = { least: 2048, most: 131_072, times: 4 };

/** Enough unsent: what is written next would only wait. */
const unsentHigh = 256 * 1024;

/** One connection's outgoing bytes. The memory is the connection's own, used once, and then the stream's. */
export class WriteGatherer {
  readonly #stream: Writable;
  /** A socket is done with what it was given when it calls back. A stream in memory has passed the memory itself on. */
  readonly #copies: boolean;
  #piece: Uint8Array | undefined;
  #filled = 0;
  #due = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    this.#copies = stream instanceof Socket;
  }

  /**
   * True while more may be produced. Once it is false the stream emits `drain`: it counts against its own mark too, and
   * tells nothing of what it never complained about. What is still gathered does not count, for the same reason.
   */
  get writable(): boolean {
    return !this.#stream.writableNeedDrain || this.#stream.writableLength < unsentHigh;
  }

  /** Where the next `length` bytes are to be put, before this turn ends. */
  room(length: number): Uint8Array {
    let piece = this.#piece;
    if (piece === undefined || this.#filled + length > piece.length) {
      this.flush();
      const usual = Math.min(Math.max(size.times * length, size.least), size.most);
      piece = Buffer.allocUnsafeSlow(Math.max(length, usual));
      this.#piece = piece;
      this.#flushLater();
    }
    const start = this.#filled;
    this.#filled += length;
    return piece.subarray(start, this.#filled);
  }

  /** Gives the stream what was gathered. */
  flush(): void {
    const piece = this.#piece;
    if (piece === undefined) return;
    this.#piece = undefined;
    const filled = piece.subarray(0, this.#filled);
    this.#filled = 0;
    if (this.#copies) this.#stream.write(filled, (error) => error ?? discard(piece));
    else this.#stream.write(filled);
  }

  #flushLater(): void {
    if (this.#due) return;
    this.#due = true;
    process.nextTick(() => {
      this.#due = false;
      this.flush();
    });
  }
}
