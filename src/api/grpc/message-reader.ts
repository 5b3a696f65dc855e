/**
 * Cuts a byte stream into length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"). Chunks are
 * kept in a list, so that a long message costs one copy. Compressed messages are refused.
 */
import { Fault } from "#base/fault.ts";
import { maxMessageBytes } from "./limits.ts";

const prefixBytes = 5;

/** A pull parser: {@link push} bytes as they come, {@link poll} for whole messages. */
export class MessageReader {
  readonly #chunks: Uint8Array[] = [];
  #first = 0;
  #buffered = 0;
  #wanted = -1;
  readonly #limit: number;

  constructor(limit: number = maxMessageBytes) {
    this.#limit = limit;
  }

  /** Bytes that were pushed and not yet returned. */
  get buffered(): number {
    return this.#buffered;
  }

  /** True when the stream may end here: no message has begun. */
  get atBoundary(): boolean {
    return this.#buffered === 0 && this.#wanted < 0;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /**
   * The next whole message, or undefined when more bytes are needed. Throws `unimplemented` for a compressed
   * message and `limit` for one that is too long, before its bytes have arrived.
   */
  poll(): Uint8Array | undefined {
    if (this.#wanted < 0) {
      if (this.#buffered < prefixBytes) return undefined;
      this.#wanted = this.#lengthOf(this.#take(prefixBytes));
    }
    if (this.#buffered < this.#wanted) return undefined;
    const message = this.#take(this.#wanted);
    this.#wanted = -1;
    return message;
  }

  #lengthOf(prefix: Uint8Array): number {
    if (prefix[0] === 1) throw new Fault("unimplemented", "compressed messages are not supported");
    if (prefix[0] !== 0) throw new Fault("internal", "the message prefix is malformed");
    const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
    const length = view.getUint32(1);
    if (length > this.#limit) {
      throw new Fault("limit", `message of ${length} bytes exceeds the limit of ${this.#limit}`);
    }
    return length;
  }

  #take(count: number): Uint8Array {
    this.#buffered -= count;
    const head = this.#chunks[this.#first];
    if (count === 0 || !head) return new Uint8Array(0);
    if (head.length > count) {
      this.#chunks[this.#first] = head.subarray(count);
      return head.subarray(0, count);
    }
    if (head.length === count) {
      this.#drop();
      return head;
    }
    return this.#gather(count);
  }

  #gather(count: number): Uint8Array {
    const gathered = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#chunks[this.#first] ?? new Uint8Array(0);
      const part = chunk.subarray(0, count - at);
      gathered.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#drop();
      else this.#chunks[this.#first] = chunk.subarray(part.length);
    }
    return gathered;
  }

  /** Forgets the first chunk; the list is compacted only now and then, so that dropping stays cheap. */
  #drop(): void {
    this.#first++;
    if (this.#first < 64 && this.#first < this.#chunks.length) return;
    this.#chunks.splice(0, this.#first);
    this.#first = 0;
  }
}

/** The prefix of an uncompressed message of `length` bytes. */
export function encodePrefix(length: number): Uint8Array {
  const prefix = new Uint8Array(prefixBytes);
  new DataView(prefix.buffer).setUint32(1, length);
  return prefix;
}
