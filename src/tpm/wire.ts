/**
 * Big-endian reading and writing of TPM structures (TPM 2.0 Library, Part 1 section 4 and Part 2).
 * The reader checks every length before it takes a byte and refuses bytes that are left over.
 */
import { concat } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";

/** A `malformed` fault about the structure that is read. The reason code goes to the audit event. */
export function malformed(
  from: Pick<TpmReader, "structure" | "reason">,
  problem: string,
  reason: string = from.reason,
): Fault {
  const { structure } = from;
  return new Fault("malformed", `${structure} ${problem}`, { audit: { reason, structure } });
}

/** Reads one structure. Every method throws `malformed` when the bytes do not suffice. */
export class TpmReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly structure: string;
  readonly reason: string;
  #at = 0;

  /** `structure` names what is read, `reason` is the code, for the error. */
  constructor(bytes: Uint8Array, structure: string, reason = "malformed") {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.structure = structure;
    this.reason = reason;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.slice(start, start + length);
  }

  /** The content of a TPM2B: a 16-bit length, then that many bytes, at most `max`. */
  sized(max: number): Uint8Array {
    const length = this.uint16();
    if (length > max) throw malformed(this, `holds a field of ${length} bytes`);
    return this.take(length);
  }

  /** A copy of everything that is left. */
  rest(): Uint8Array {
    return this.take(this.left);
  }

  /** Refuses bytes that no field accounts for. */
  end(): void {
    if (this.left > 0) throw malformed(this, `has ${this.left} bytes too many`);
  }

  #advance(length: number): number {
    if (length > this.left) throw malformed(this, "is cut short");
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** Collects fields. Methods return the writer, so that a structure reads as one chain. */
export class TpmWriter {
  readonly #parts: Uint8Array[] = [];

  uint8(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  uint16(value: number): this {
    return this.raw(Uint8Array.of(value >>> 8, value));
  }

  uint32(value: number): this {
    return this.raw(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  uint64(value: bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value);
    return this.raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** A TPM2B: 16-bit length, then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.uint16(bytes.length).raw(bytes);
  }

  done(): Uint8Array {
    return concat(...this.#parts);
  }
}
