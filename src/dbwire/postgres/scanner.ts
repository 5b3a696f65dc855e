/**
 * Tells the messages of a PostgreSQL stream apart as the bytes pass by, in whatever pieces they come. It holds a message
 * only while it is one of those that are wanted, and of those no more than the given number of bytes.
 */
import { Fault } from "#base/fault.ts";
import { headerBytes } from "./messages.ts";

/** PostgreSQL's own bound on a message. */
const longestMessage = 0x3fff_ffff;

/** Receives a wanted message: its body, cut to the limit, and how long the body really is. */
export type OnMessage = (type: number, body: Buffer, length: number) => void;

/** Watches one direction of a connection, from a message's first byte on. */
export class MessageScanner {
  readonly #wanted: ReadonlySet<number>;
  readonly #limit: number;
  readonly #onMessage: OnMessage;
  readonly #header = Buffer.alloc(headerBytes);
  #headerLength = 0;
  /** Bytes of the current body that have not come yet. */
  #missing = 0;
  #kept: Buffer[] | undefined;
  #room = 0;
  #bodyLength = 0;

  constructor(wanted: ReadonlySet<number>, limit: number, onMessage: OnMessage) {
    this.#wanted = wanted;
    this.#limit = limit;
    this.#onMessage = onMessage;
  }

  /** True between two messages. */
  get atBoundary(): boolean {
    return this.#missing === 0 && this.#headerLength === 0;
  }

  /** Looks at the next bytes. Throws `malformed` for what is no message; the connection must end then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        at += this.#take(chunk, at);
      } else if (this.#headerLength === 0 && chunk.length - at >= headerBytes) {
        this.#begin(chunk.readUInt8(at), chunk.readUInt32BE(at + 1));
        at += headerBytes;
      } else {
        const count = Math.min(headerBytes - this.#headerLength, chunk.length - at);
        chunk.copy(this.#header, this.#headerLength, at, at + count);
        this.#headerLength += count;
        at += count;
        if (this.#headerLength < headerBytes) return;
        this.#headerLength = 0;
        this.#begin(this.#header.readUInt8(0), this.#header.readUInt32BE(1));
      }
    }
  }

  #begin(type: number, length: number): void {
    if (length < 4 || length > longestMessage) {
      throw new Fault("malformed", "invalid message length");
    }
    this.#bodyLength = length - 4;
    this.#missing = this.#bodyLength;
    if (!this.#wanted.has(type)) return;
    this.#header.writeUInt8(type, 0);
    this.#kept = [];
    this.#room = this.#limit;
    if (this.#missing === 0) this.#finish();
  }

  #take(chunk: Buffer, at: number): number {
    const count = Math.min(this.#missing, chunk.length - at);
    if (this.#kept !== undefined && this.#room > 0) {
      const part = chunk.subarray(at, at + Math.min(count, this.#room));
      // What waits for its rest must not keep a whole chunk of the network alive.
      this.#kept.push(count < this.#missing ? Buffer.from(part) : part);
      this.#room -= part.length;
    }
    this.#missing -= count;
    if (this.#missing === 0 && this.#kept !== undefined) this.#finish();
    return count;
  }

  #finish(): void {
    const [first = Buffer.alloc(0), ...rest] = this.#kept ?? [];
    this.#kept = undefined;
    const body = rest.length === 0 ? first : Buffer.concat([first, ...rest]);
    this.#onMessage(this.#header.readUInt8(0), body, this.#bodyLength);
  }
}
