/**
 * Packets of MySQL (MySQL source documentation, "MySQL Packets"): three bytes of length, a sequence number, a payload. Told
 * apart as they pass, in whatever pieces; of a payload no more is held than the limit.
 */
import type { Fault, FaultCode } from "#base/fault.ts";

/** Bytes before the payload. */
export const headerBytes = 4;

/** A packet as it passes: its payload, cut to the limit, and how long it really is. */
export interface SeenPacket {
  readonly sequence: number;
  readonly body: Buffer;
  readonly length: number;
}

/** Watches one direction of a connection, from a packet's first byte on. */
export class PacketScanner {
  readonly #limit: number;
  readonly #onPacket: (packet: SeenPacket) => void;
  readonly #wanted: (sequence: number) => boolean;
  readonly #header = Buffer.alloc(headerBytes);
  #headerLength = 0;
  #missing = 0;
  #length = 0;
  #kept: Buffer[] = [];
  #room = 0;
  /** Of the last packet that began. */
  sequence = 0;

  /** Hands over whole packets; the payload of those that are not `wanted` is not held. */
  constructor(
    limit: number,
    wanted: (sequence: number) => boolean,
    onPacket: (packet: SeenPacket) => void,
  ) {
    this.#limit = limit;
    this.#wanted = wanted;
    this.#onPacket = onPacket;
  }

  /** True between two packets. */
  get atBoundary(): boolean {
    return this.#missing === 0 && this.#headerLength === 0;
  }

  /** Looks at the next bytes. What the listener throws passes through. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        const count = Math.min(this.#missing, chunk.length - at);
        const kept = Math.min(count, this.#room);
        if (kept > 0) {
          this.#kept.push(Buffer.from(chunk.subarray(at, at + kept)));
          this.#room -= kept;
        }
        this.#missing -= count;
        at += count;
        if (this.#missing === 0) this.#finish();
        continue;
      }
      const count = Math.min(headerBytes - this.#headerLength, chunk.length - at);
      chunk.copy(this.#header, this.#headerLength, at, at + count);
      this.#headerLength += count;
      at += count;
      if (this.#headerLength < headerBytes) return;
      this.#headerLength = 0;
      this.#length = this.#header.readUIntLE(0, 3);
      this.#missing = this.#length;
      this.sequence = this.#header.readUInt8(3);
      this.#room = this.#wanted(this.sequence) ? this.#limit : 0;
      if (this.#length === 0) this.#finish();
    }
  }

  #finish(): void {
    const body = Buffer.concat(this.#kept);
    this.#kept = [];
    this.#onPacket({ sequence: this.sequence, body, length: this.#length });
  }
}

/** A packet with this payload. */
export function encodePacket(sequence: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUIntLE(body.length, 0, 3);
  header.writeUInt8(sequence & 0xff, 3);
  return Buffer.concat([header, body]);
}

/**
 * Error numbers and SQLSTATEs that clients know. 2000 to 2999 are the clients' own: they take a packet with one for no error
 * of a server, and its text is lost.
 */
const errors: Readonly<Partial<Record<FaultCode, readonly [number, string]>>> = {
  "access-denied": [1045, "28000"],
  "device-required": [1045, "28000"],
  locked: [1045, "28000"],
  unproven: [1045, "28000"],
  malformed: [1835, "HY000"],
  "not-found": [1049, "42000"],
  unimplemented: [1047, "08S01"],
  unavailable: [1053, "08S01"],
  timeout: [1159, "08S01"],
};

const anyError = [1105, "HY000"] as const;

/** The error packet that tells a client of this fault. Before a client has answered, errors have no SQLSTATE. */
export function encodeErrorOf(
  { code, message, hint }: Fault,
  sequence: number,
  answered = true,
): Buffer {
  const [number, state] = errors[code] ?? anyError;
  const head = Buffer.alloc(3);
  head.writeUInt8(0xff, 0);
  head.writeUInt16LE(number, 1);
  // Clients keep 512 bytes of an error.
  const words = hint === undefined ? message : `${message} (hint: ${hint.replaceAll("\n", "; ")})`;
  const body = Buffer.from(`${answered ? `#${state}` : ""}${words}`).subarray(0, 510);
  return encodePacket(sequence, Buffer.concat([head, body]));
}
