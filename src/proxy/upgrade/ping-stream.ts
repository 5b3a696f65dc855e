/**
 * The framing of `alpn-ping`: each piece of the stream behind its length in four bytes, big endian; length zero is a sign
 * of life and nothing else. It keeps balancers that cut silent connections from cutting this one.
 */
import { Duplex } from "node:stream";

/** How often a sign of life goes out. */
export const pingMs = 30_000;

const lengthBytes = 4;
const ping = Buffer.alloc(lengthBytes);

/** The stream inside the frames of another one. Pieces pass as they come: no frame is kept whole. */
export class PingStream extends Duplex {
  readonly #inner: Duplex;
  readonly #timer: NodeJS.Timeout;
  /** The length that is being read, and how many of its bytes have come. */
  #length = 0;
  #lengthRead = 0;
  /** Bytes of the current frame that are still to come. */
  #left = 0;

  constructor(inner: Duplex) {
    super({ allowHalfOpen: false });
    this.#inner = inner;
    inner.on("data", (chunk: Buffer) => this.#read(chunk));
    inner.once("end", () => this.push(null));
    inner.once("close", () => this.destroy());
    inner.once("error", () => this.destroy());
    this.#timer = setInterval(() => {
      // Whoever does not read gets no more of them.
      if (!inner.writableNeedDrain) inner.write(ping);
    }, pingMs).unref();
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const head = Buffer.alloc(lengthBytes);
    head.writeUInt32BE(chunk.length);
    this.#inner.cork();
    this.#inner.write(head);
    this.#inner.write(chunk, (error) => done(error ?? undefined));
    this.#inner.uncork();
  }

  override _final(done: () => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#inner.destroy();
    done(error);
  }

  #read(chunk: Buffer): void {
    let wanted = true;
    // Strangers choose the frames: an empty one costs the reading of its four bytes and nothing else.
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        this.#length = this.#length * 256 + (chunk[at++] ?? 0);
        if (++this.#lengthRead < lengthBytes) continue;
        this.#left = this.#length;
        this.#length = 0;
        this.#lengthRead = 0;
        continue;
      }
      const piece = chunk.subarray(at, at + this.#left);
      this.#left -= piece.length;
      at += piece.length;
      wanted = this.push(piece);
    }
    if (!wanted) this.#inner.pause();
  }
}
