/**
 * The data types of RFC 4251 section 5: a reader that checks every bound, and a writer.
 *
 * 64-bit integers are bigint. Reading is strict where the RFC is: multiple precision integers must be
 * minimal, text must be UTF-8, and {@link Reader.end} refuses what is left over.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { buffer } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";

/** Reads values one after the other. Every method throws `malformed` when the bytes are not there. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    // Views taken from a Buffer would be Buffers; a plain view keeps every result a Uint8Array.
    this.#bytes = Buffer.isBuffer(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : bytes;
    this.#at = at;
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes, as a view of the input. */
  bytes(length: number): Uint8Array {
    if (length > this.left) throw new Fault("malformed", "SSH data ends too early");
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new Fault("malformed", "SSH data ends too early");
    this.#at++;
    return value;
  }

  /** Any value but zero is true (RFC 4251 section 5). */
  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    return this.byte() * 0x1000000 + ((this.byte() << 16) | (this.byte() << 8) | this.byte());
  }

  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /** A `string`: length and bytes, as a view of the input. */
  string(): Uint8Array {
    return this.bytes(this.uint32());
  }

  /** A `string` that must be UTF-8. */
  text(): string {
    const bytes = this.string();
    if (!isUtf8(bytes)) throw new Fault("malformed", "SSH text is not UTF-8");
    return buffer(bytes).toString("utf8");
  }

  /** A `name-list`: names in ASCII, none of them empty. */
  nameList(): string[] {
    const bytes = this.string();
    if (bytes.length === 0) return [];
    if (!isAscii(bytes)) throw new Fault("malformed", "an SSH name list is not ASCII");
    const names = buffer(bytes).toString("latin1").split(",");
    if (names.includes("")) throw new Fault("malformed", "an SSH name list has an empty name");
    return names;
  }

  /** An `mpint` that is not negative, as its magnitude without leading zeros. */
  mpint(): Uint8Array {
    const bytes = this.string();
    const [first, second] = bytes;
    if (first === undefined) return bytes;
    if (first >= 0x80) throw new Fault("malformed", "an SSH integer is negative");
    if (first !== 0) return bytes;
    if (second === undefined || second < 0x80) {
      throw new Fault("malformed", "an SSH integer is not minimal");
    }
    return bytes.subarray(1);
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** Throws `malformed` unless everything has been read. */
  end(): void {
    if (this.left > 0) throw new Fault("malformed", "SSH data goes on after its end");
  }
}

/** Writes values one after the other into one growing buffer. Methods return the writer itself. */
export class Writer {
  #bytes: Uint8Array;
  /** The same memory, for writing text. */
  #text: Buffer;
  #at = 0;

  constructor(size = 256) {
    this.#bytes = new Uint8Array(size);
    this.#text = buffer(this.#bytes);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#put32(this.#at, value);
    this.#at += 4;
    return this;
  }

  uint64(value: bigint): this {
    return this.uint32(Number(value >> 32n)).uint32(Number(value & 0xffffffffn));
  }

  /** Bytes without a length. */
  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** A `string`: length and bytes. Text is written in UTF-8. */
  string(value: Uint8Array | string): this {
    if (typeof value !== "string") return this.uint32(value.length).bytes(value);
    this.#reserve(4 + 3 * value.length);
    const length = this.#text.write(value, this.#at + 4, "utf8");
    this.#put32(this.#at, length);
    this.#at += 4 + length;
    return this;
  }

  nameList(names: readonly string[]): this {
    return this.string(names.join(","));
  }

  /** An `mpint` from an unsigned big-endian magnitude; leading zeros are dropped. */
  mpint(magnitude: Uint8Array): this {
    let start = 0;
    while (start < magnitude.length && magnitude[start] === 0) start++;
    const minimal = magnitude.subarray(start);
    if ((minimal[0] ?? 0) < 0x80) return this.string(minimal);
    return this.uint32(minimal.length + 1)
      .byte(0)
      .bytes(minimal);
  }

  /** A `string` whose content `write` produces. */
  nested(write: (inner: this) => void): this {
    const start = this.#at;
    this.uint32(0);
    write(this);
    this.#put32(start, this.#at - start - 4);
    return this;
  }

  /** What has been written, as a view: valid until the next write. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #put32(at: number, value: number): void {
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#text = buffer(grown);
  }
}

/** An unsigned magnitude padded with zeros on the left to `length` bytes. Throws `malformed` if longer. */
export function padLeft(magnitude: Uint8Array, length: number): Uint8Array {
  if (magnitude.length === length) return magnitude;
  if (magnitude.length > length) throw new Fault("malformed", "an SSH integer is too long");
  const padded = new Uint8Array(length);
  padded.set(magnitude, length - magnitude.length);
  return padded;
}
