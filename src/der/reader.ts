/**
 * Reading DER from peers nobody trusts: lengths are definite and minimal, every byte is accounted
 * for, size and depth are bounded before anything is parsed. All methods throw `malformed`. Results
 * are views of the input, not copies.
 */
import { Fault } from "#base/fault.ts";
import { decodeOidContents } from "./oid.ts";
import { contextConstructedTag, derLimits, tags } from "./tags.ts";
import { decodeTextContents } from "./text.ts";
import { decodeTimeContents } from "./time.ts";

/** One element as it stands in the input. */
export interface Element {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** Tag, length and contents. */
  readonly encoded: Uint8Array;
}

/** Decodes one whole value: runs `read` over the bytes and refuses what it leaves over. */
export function decodeDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  if (bytes.length > derLimits.bytes) {
    throw new Fault("malformed", "a DER structure is larger than the limit");
  }
  return readAll(new DerReader(bytes, 0), read);
}

function readAll<T>(reader: DerReader, read: (reader: DerReader) => T): T {
  const value = read(reader);
  if (!reader.atEnd) throw new Fault("malformed", "a DER structure has bytes left over");
  return value;
}

/** Walks over consecutive elements. Get one from {@link decodeDer}. */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  #at = 0;

  constructor(bytes: Uint8Array, depth: number) {
    if (depth > derLimits.depth)
      throw new Fault("malformed", "a DER structure is nested too deeply");
    this.#bytes = bytes;
    this.#depth = depth;
  }

  /** True when everything is read. */
  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** True when there is a next element and it has this tag byte. */
  isNext(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** The next element, whatever it is. */
  readAny(): Element {
    const bytes = this.#bytes;
    const start = this.#at;
    const tag = bytes[start];
    const first = bytes[start + 1];
    if (tag === undefined || first === undefined) {
      throw new Fault("malformed", "a DER structure ends too early");
    }
    if (tag === 0 || (tag & 0x1f) === 0x1f) {
      throw new Fault("malformed", "a DER structure has a tag that is not allowed");
    }
    const [length, size] =
      first < 0x80 ? [first, 0] : this.#readLongLength(start + 2, first & 0x7f);
    const contentsAt = start + 2 + size;
    const end = contentsAt + length;
    if (end > bytes.length) throw new Fault("malformed", "a DER structure ends too early");
    this.#at = end;
    return { tag, contents: bytes.subarray(contentsAt, end), encoded: bytes.subarray(start, end) };
  }

  #readLongLength(at: number, size: number): [length: number, size: number] {
    if (size === 0 || size > 3) {
      throw new Fault("malformed", "a DER length is indefinite or out of bounds");
    }
    let length = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.#bytes[at + i];
      if (byte === undefined) throw new Fault("malformed", "a DER structure ends too early");
      length = (length << 8) | byte;
    }
    if (length < 0x80 || length < 1 << (8 * (size - 1))) {
      throw new Fault("malformed", "a DER length is not minimal");
    }
    return [length, size];
  }

  /** The next element, which must have this tag byte. */
  readElement(tag: number): Element {
    const found = this.#bytes[this.#at];
    const element = this.readAny();
    if (element.tag !== tag) {
      const names = `0x${tag.toString(16)}, not 0x${(found ?? 0).toString(16)}`;
      throw new Fault("malformed", `a DER structure must have the tag ${names} here`);
    }
    return element;
  }

  /** Reads into a constructed element with this tag byte; `read` must consume all of it. */
  readInside<T>(tag: number, read: (inside: DerReader) => T): T {
    return readAll(new DerReader(this.readElement(tag).contents, this.#depth + 1), read);
  }

  /** Reads into a SEQUENCE. */
  readSequence<T>(read: (inside: DerReader) => T): T {
    return this.readInside(tags.sequence, read);
  }

  /** Reads a constructed element member by member. */
  readList<T>(tag: number, readMember: (inside: DerReader) => T): T[] {
    return this.readInside(tag, (inside) => {
      const members: T[] = [];
      while (!inside.atEnd) members.push(readMember(inside));
      return members;
    });
  }

  /** Reads into an explicit context-specific wrapper if it is next; else gives undefined. */
  readOptionalExplicit<T>(number: number, read: (inside: DerReader) => T): T | undefined {
    const tag = contextConstructedTag(number);
    return this.isNext(tag) ? this.readInside(tag, read) : undefined;
  }

  /** BOOLEAN; only 0x00 and 0xff are DER. */
  readBoolean(): boolean {
    const { contents } = this.readElement(tags.boolean);
    const [byte] = contents;
    if (contents.length !== 1 || (byte !== 0 && byte !== 0xff)) {
      throw new Fault("malformed", "a BOOLEAN is neither 00 nor FF");
    }
    return byte === 0xff;
  }

  /** BOOLEAN DEFAULT FALSE: absent is false, and a written false is not DER. */
  readDefaultFalse(): boolean {
    if (!this.isNext(tags.boolean)) return false;
    if (this.readBoolean()) return true;
    throw new Fault("malformed", "a default value is written out");
  }

  /** NULL. */
  readNull(): void {
    if (this.readElement(tags.null).contents.length > 0) {
      throw new Fault("malformed", "a NULL has contents");
    }
  }

  /** INTEGER. */
  readInteger(): bigint {
    const { contents } = this.readElement(tags.integer);
    checkInteger(contents);
    const digits = Buffer.from(contents).toString("hex");
    return BigInt.asIntN(8 * contents.length, BigInt(`0x${digits}`));
  }

  /**
   * INTEGER that must not be negative, as big-endian bytes without a sign byte (zero is one byte
   * 00).
   */
  readUnsigned(): Uint8Array {
    const { contents } = this.readElement(tags.integer);
    checkInteger(contents);
    if ((contents[0] ?? 0) & 0x80) throw new Fault("malformed", "an INTEGER is negative");
    return contents.length > 1 && contents[0] === 0 ? contents.subarray(1) : contents;
  }

  /** BIT STRING with its number of unused bits, which must be zero bits. */
  readBitString(): { readonly bytes: Uint8Array; readonly unused: number } {
    const { contents } = this.readElement(tags.bitString);
    const unused = contents[0];
    const last = contents.length > 1 ? (contents.at(-1) ?? 0) : 0;
    const most = contents.length > 1 ? 7 : 0;
    if (unused === undefined || unused > most || (last & ((1 << unused) - 1)) !== 0) {
      throw new Fault("malformed", "a BIT STRING has impossible unused bits");
    }
    return { bytes: contents.subarray(1), unused };
  }

  /** BIT STRING that is a whole number of bytes. */
  readBitBytes(): Uint8Array {
    const { bytes, unused } = this.readBitString();
    if (unused !== 0) throw new Fault("malformed", "a BIT STRING is not a whole number of bytes");
    return bytes;
  }

  /** OCTET STRING. */
  readOctetString(): Uint8Array {
    return this.readElement(tags.octetString).contents;
  }

  /** OBJECT IDENTIFIER as dotted text. */
  readOid(): string {
    return decodeOidContents(this.readElement(tags.oid).contents);
  }

  /** PrintableString, UTF8String or IA5String. */
  readText(): string {
    const { tag, contents } = this.readAny();
    return decodeTextContents(tag, contents);
  }

  /** UTCTime or GeneralizedTime. */
  readTime(): Date {
    const { tag, contents } = this.readAny();
    return decodeTimeContents(tag, contents);
  }
}

function checkInteger(contents: Uint8Array): void {
  const [first = 0, second = 0] = contents;
  if (contents.length === 0 || contents.length > derLimits.integer) {
    throw new Fault("malformed", "the length of an INTEGER is out of bounds");
  }
  const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
  if (contents.length > 1 && padded) throw new Fault("malformed", "an INTEGER is not minimal");
}
