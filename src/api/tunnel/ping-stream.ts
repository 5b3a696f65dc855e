/**
 * The stream inside connections whose ALPN name ends in `-ping` (public API): each write is a length of four bytes and as
 * many bytes; a length of zero is a sign of life. It keeps idle connections from being taken for dead on the way.
 */
import { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";

const lengthBytes = 4;
/** Longer writes are cut, and longer frames of a peer end the connection. */
const longestFrame = 1 << 20;
const pingEveryMs = 30_000;

/** The stream of bytes inside a connection of frames, which it owns. */
export class PingStream extends Duplex {
  readonly #socket: Duplex;
  readonly #timer: NodeJS.Timeout;
  readonly #header = Buffer.alloc(lengthBytes);
  #headerLength = 0;
  #missing = 0;

  constructor(socket: Duplex) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    let ended = false;
    socket.once("end", () => {
      ended = true;
      this.push(null);
    });
    socket.on("error", () => this.destroy());
    socket.once("close", () => {
      // What came before an orderly end is still to be read.
      if (!ended) this.destroy();
    });
    this.#timer = setInterval(() => socket.write(Buffer.alloc(lengthBytes)), pingEveryMs);
    this.#timer.unref();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void) {
    const frames: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += longestFrame) {
      const part = chunk.subarray(at, at + longestFrame);
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32BE(part.length);
      frames.push(length, part);
    }
    this.#socket.write(Buffer.concat(frames), done);
  }

  override _final(done: () => void): void {
    clearInterval(this.#timer);
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
    done(error);
  }

  #take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        const part = chunk.subarray(at, at + this.#missing);
        this.#missing -= part.length;
        at += part.length;
        if (!this.push(part)) this.#socket.pause();
        continue;
      }
      this.#header.writeUInt8(chunk.readUInt8(at++), this.#headerLength++);
      if (this.#headerLength < lengthBytes) continue;
      this.#headerLength = 0;
      this.#missing = this.#header.readUInt32BE(0);
      if (this.#missing > longestFrame) {
        this.destroy(new Fault("too-large", "the peer sent an oversized frame"));
        return;
      }
    }
  }
}
