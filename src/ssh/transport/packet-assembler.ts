/** Cuts a stream of bytes into packets (RFC 4253 section 6), without decrypting. */
import { Fault } from "#base/fault.ts";

/** Bytes of a packet's length field. */
export const lengthBytes = 4;
/** The largest packet that we take: far above the 35000 of RFC 4253 section 6.1, far below an attack. */
export const packetLimit = 262_144;
/** The smallest: padding length and four bytes of padding. */
const packetMinimum = 5;

/** Collects chunks until a packet is whole. Copies only packets that span chunks. */
export class PacketAssembler {
  /** Bytes behind each packet that its length does not count: the tag. */
  trailer = 0;
  readonly #minimum: number;
  readonly #head = new Uint8Array(lengthBytes);
  #headFilled = 0;
  #packet: Uint8Array | undefined;
  #filled = 0;
  #consumed = 0;
  #copied = false;

  /** `minimum` is the least that a length field may say. */
  constructor(minimum = packetMinimum) {
    this.#minimum = minimum;
  }

  /** How many bytes of the chunk the last {@link take} consumed. */
  get consumed(): number {
    return this.#consumed;
  }

  /** True when the last packet has memory of its own, false when it is a view of its chunk. */
  get copied(): boolean {
    return this.#copied;
  }

  /** Takes bytes of `chunk` from `at` on. Returns a packet with its length field, or undefined if the chunk ends first. */
  take(chunk: Uint8Array, at: number): Uint8Array | undefined {
    const available = chunk.length - at;
    if (this.#packet === undefined && this.#headFilled === 0 && available >= lengthBytes) {
      const size = this.#sizeOf(chunk, at);
      if (size <= available) {
        this.#consumed = size;
        this.#copied = false;
        return chunk.subarray(at, at + size);
      }
    }
    return this.#collect(chunk, at);
  }

  #collect(chunk: Uint8Array, start: number): Uint8Array | undefined {
    let at = start;
    if (this.#packet === undefined) {
      while (this.#headFilled < lengthBytes && at < chunk.length) {
        this.#head[this.#headFilled++] = chunk[at++] ?? 0;
      }
      if (this.#headFilled === lengthBytes) {
        this.#packet = Buffer.allocUnsafeSlow(this.#sizeOf(this.#head, 0));
        this.#packet.set(this.#head);
        this.#filled = lengthBytes;
      }
    }
    const packet = this.#packet;
    if (packet !== undefined) {
      const part = chunk.subarray(at, at + packet.length - this.#filled);
      packet.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
    }
    this.#consumed = at - start;
    if (packet === undefined || this.#filled < packet.length) return undefined;
    this.#packet = undefined;
    this.#headFilled = 0;
    this.#copied = true;
    return packet;
  }

  #sizeOf(bytes: Uint8Array, at: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + lengthBytes);
    const length = a * 0x1000000 + ((b << 16) | (c << 8) | d);
    if (length < this.#minimum || length > packetLimit) {
      throw new Fault("malformed", "an SSH packet has an impossible length");
    }
    return lengthBytes + length + this.trailer;
  }
}
