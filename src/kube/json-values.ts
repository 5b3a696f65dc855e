/**
 * Cuts JSON that arrives in pieces (RFC 8259) into the values that a filter decides about, without ever holding more than
 * one of them: the elements of a list's array, or the values of a stream that follow one another. It finds where values
 * begin and end; what stands in them is read by whoever gets them.
 */
import { Fault } from "#base/fault.ts";

/** Largest single value; the API server's store takes objects of 1.5 MiB. */
export const largestValue = 8 << 20;
const deepest = 512;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where a byte stands: how deep, and whether in a string. */
class Place {
  depth = 0;
  inString = false;
  #escaped = false;

  /** Takes the next byte. Throws `malformed` for brackets that do not pair in number, and for absurd depth. */
  pass(byte: number): void {
    if (this.inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.inString = false;
      return;
    }
    if (byte === quote) this.inString = true;
    else if (byte === openBrace || byte === openBracket) this.depth++;
    else if (byte === closeBrace || byte === closeBracket) this.depth--;
    if (this.depth < 0 || this.depth > deepest) throw broken();
  }
}

/** Bytes of a value that is not whole yet. */
class Pieces {
  #pieces: Buffer[] = [];
  #length = 0;

  add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > largestValue) {
      throw new Fault("too-large", "an object in the answer of the cluster is too large");
    }
    if (piece.length > 0) this.#pieces.push(piece);
  }

  take(): Buffer {
    const [only] = this.#pieces;
    const whole = this.#pieces.length === 1 && only ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return whole;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }
}

/** Cuts values that follow one another, as a watch sends them. */
export class ValueStream {
  readonly #place = new Place();
  readonly #pieces = new Pieces();

  /** The objects that are whole with this chunk. Throws `malformed` or `too-large`. */
  push(chunk: Buffer): Buffer[] {
    const values: Buffer[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#place.depth === 0 && this.#pieces.isEmpty && start === at) {
        if (isSpace(byte)) {
          start = at + 1;
          continue;
        }
        if (byte !== openBrace) throw broken();
      }
      this.#place.pass(byte);
      if (this.#place.depth === 0) {
        this.#pieces.add(chunk.subarray(start, at + 1));
        values.push(this.#pieces.take());
        start = at + 1;
      }
    }
    this.#pieces.add(chunk.subarray(start));
    return values;
  }
}

/** The keys of a list, and which of them hold what is decided about. Others could hold anything, and are refused. */
const plainKeys: ReadonlySet<string> = new Set([
  "kind",
  "apiversion",
  "metadata",
  "columndefinitions",
]);
const arrayKeys: ReadonlySet<string> = new Set(["items", "rows"]);

/** Passes a list on without the elements that `keep` does not want. */
export class ListStream {
  readonly #keep: (element: Buffer) => boolean;
  readonly #place = new Place();
  readonly #element = new Pieces();
  readonly #key = new Pieces();
  #state: "start" | "key" | "in-key" | "colon" | "value" | "array" | "end" = "start";
  #wanted = false;
  #kept = 0;

  constructor(keep: (element: Buffer) => boolean) {
    this.#keep = keep;
  }

  /** What goes on of this chunk. Throws `malformed` or `too-large`; what was passed on before stands. */
  push(chunk: Buffer): Buffer {
    const out: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#isInArray) {
        from = this.#inArray(chunk, at, from, out);
        continue;
      }
      this.#outside(byte, chunk, at);
      if (this.#isInArray) {
        out.push(chunk.subarray(from, at + 1));
        from = at + 1;
      }
    }
    const rest = chunk.subarray(from);
    if (this.#isInArray) this.#element.add(rest);
    else out.push(rest);
    return Buffer.concat(out);
  }

  get #isInArray(): boolean {
    return this.#state === "array";
  }

  /** Throws `malformed` when the list is not whole. */
  finish(): void {
    if (this.#state !== "end") throw broken();
  }

  /** Bytes outside of the wanted arrays: they are passed on, and read for the keys of the list. */
  #outside(byte: number, chunk: Buffer, at: number): void {
    const place = this.#place;
    switch (this.#state) {
      case "start":
        if (isSpace(byte)) return;
        if (byte !== openBrace) throw broken();
        place.pass(byte);
        this.#state = "key";
        return;
      case "key":
        if (isSpace(byte) || byte === comma) return;
        place.pass(byte);
        if (byte === quote) {
          this.#key.add(chunk.subarray(at, at + 1));
          this.#state = "in-key";
        } else if (byte === closeBrace) this.#state = "end";
        else throw broken();
        return;
      case "in-key":
        place.pass(byte);
        this.#key.add(chunk.subarray(at, at + 1));
        if (place.inString) return;
        this.#wanted = isArrayKey(this.#key.take());
        this.#state = "colon";
        return;
      case "colon":
        if (isSpace(byte)) return;
        if (byte !== colon) throw broken();
        this.#state = "value";
        return;
      case "value":
        this.#inValue(byte);
        return;
      default:
        if (!isSpace(byte)) throw broken();
    }
  }

  #inValue(byte: number): void {
    const place = this.#place;
    if (place.depth === 1 && !place.inString) {
      if (isSpace(byte)) return;
      if (byte === comma) {
        this.#state = "key";
        return;
      }
      if (this.#wanted && byte === openBracket) {
        place.pass(byte);
        this.#kept = 0;
        this.#state = "array";
        return;
      }
      // A list without elements says null.
      if (this.#wanted && byte !== closeBrace && !"null".includes(String.fromCharCode(byte))) {
        throw broken();
      }
    }
    place.pass(byte);
    if (place.depth === 0) this.#state = "end";
  }

  /** Bytes of a wanted array: gives the index from which the next element is taken. */
  #inArray(chunk: Buffer, at: number, from: number, out: Buffer[]): number {
    const byte = chunk[at] ?? 0;
    const place = this.#place;
    if (place.depth > 2 || place.inString || (byte !== comma && byte !== closeBracket)) {
      place.pass(byte);
      return from;
    }
    this.#element.add(chunk.subarray(from, at));
    const element = trimmed(this.#element.take());
    if (element.length > 0 && this.#keep(element)) {
      if (this.#kept++ > 0) out.push(Buffer.from(","));
      out.push(element);
    }
    if (byte === closeBracket) {
      place.pass(byte);
      this.#state = "value";
      this.#wanted = false;
      return at;
    }
    return at + 1;
  }
}

function isArrayKey(text: Buffer): boolean {
  const key = parseJson(text);
  // Clients read keys in any case.
  const name = typeof key === "string" ? key.toLowerCase() : "";
  if (arrayKeys.has(name)) return true;
  if (plainKeys.has(name)) return false;
  throw broken();
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isSpace(bytes[start] ?? 0)) start++;
  while (end > start && isSpace(bytes[end - 1] ?? 0)) end--;
  return bytes.subarray(start, end);
}

/** Reads a value that was cut out. Throws `malformed`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("malformed", "this is not JSON", { cause });
  }
}

function broken(): Fault {
  return new Fault("malformed", "the answer of the cluster is not a list that can be filtered");
}
