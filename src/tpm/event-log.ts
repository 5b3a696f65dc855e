/**
 * The firmware's event log (TCG PC Client Platform Firmware Profile 1.06 section 10), legacy and crypto-agile form,
 * little-endian. A log is untrusted until event-log-replay.ts has compared it with quoted PCRs, and event types are
 * never covered by a digest.
 */
import { hash as digestOf } from "node:crypto";
import { sameBytes, utf8 } from "#base/bytes.ts";
import { algorithm, findHash } from "./constants.ts";
import { refuse } from "./refusal.ts";

/** One record of the log. */
export interface LogEvent {
  readonly pcr: number;
  readonly type: number;
  /** Digest by TPM_ALG_ID. */
  readonly digests: ReadonlyMap<number, Uint8Array>;
  readonly data: Uint8Array;
}

/** EV_* types (section 10.4.1) that are treated specially. */
export const eventType = {
  noAction: 0x00000003,
  separator: 0x00000004,
  crtmVersion: 0x00000008,
  variableDriverConfig: 0x80000001,
  action: 0x80000007,
  variableAuthority: 0x800000e0,
} as const;

/** The longest log that is looked at, in bytes. */
export const maxLogBytes = 1 << 20;
const maxEvents = 16_384;
const maxAlgorithms = 16;
const maxPcr = 0x17;
const specIdSignature = utf8("Spec ID Event03\0");

/** Reads little-endian fields and refuses with `event_log` when the log is cut short. */
export class LogReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  #advance(length: number): number {
    if (length > this.left) throw refuse("event_log", "cut short");
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** Parses a log of at most 1 MiB and 16384 events. Refuses with `event_log` or `event_log_limit`. */
export function parseEventLog(bytes: Uint8Array): readonly LogEvent[] {
  if (bytes.length > maxLogBytes) throw refuse("event_log_limit", `${bytes.length} bytes`);
  const from = new LogReader(bytes);
  const first = readLegacyEvent(from);
  const sizes = readSpecId(first);
  const events = sizes === undefined ? [first] : [];
  while (from.left > 0) {
    if (events.length >= maxEvents) throw refuse("event_log_limit", "too many events");
    events.push(sizes === undefined ? readLegacyEvent(from) : readAgileEvent(from, sizes));
  }
  return events;
}

/** True when every digest of the event that this product can compute is that of `data`, and there is one. */
export function measures({ digests }: LogEvent, data: Uint8Array): boolean {
  const known = [...digests].filter(([hash]) => findHash(hash) !== undefined);
  return (
    known.length > 0 &&
    known.every(([hash, digest]) => {
      const name = findHash(hash)?.name ?? "";
      return sameBytes(digestOf(name, data, "buffer"), digest);
    })
  );
}

function readLegacyEvent(from: LogReader): LogEvent {
  const [pcr, type] = [readPcr(from), from.uint32()];
  const digests = new Map([[algorithm.sha1 as number, from.take(20)]]);
  return { pcr, type, digests, data: from.take(from.uint32()) };
}

function readAgileEvent(from: LogReader, sizes: ReadonlyMap<number, number>): LogEvent {
  const [pcr, type, count] = [readPcr(from), from.uint32(), from.uint32()];
  const digests = new Map<number, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const hash = from.uint16();
    // Repeats are refused, so there are never more rounds than banks.
    const size = sizes.get(hash);
    if (size === undefined || digests.has(hash)) throw refuse("event_log", "digest algorithm");
    digests.set(hash, from.take(size));
  }
  return { pcr, type, digests, data: from.take(from.uint32()) };
}

function readPcr(from: LogReader): number {
  const pcr = from.uint32();
  // Some firmware writes 0xffffffff for an informative record that extends nothing.
  if (pcr > maxPcr && pcr !== 0xffffffff) throw refuse("event_log", `PCR ${pcr}`);
  return pcr;
}

/** The digest sizes of a crypto-agile log, or undefined when the first record does not announce one. */
function readSpecId({ type, data }: LogEvent): ReadonlyMap<number, number> | undefined {
  const announced = sameBytes(data.subarray(0, specIdSignature.length), specIdSignature);
  if (type !== eventType.noAction || !announced) return undefined;
  const from = new LogReader(data.subarray(specIdSignature.length));
  from.uint32(); // platform class
  const [minor, major] = [from.uint8(), from.uint8()];
  if (major !== 2 || minor !== 0) throw refuse("event_log", `version ${major}.${minor}`);
  from.take(2); // errata, size of UINTN
  const sizes = new Map<number, number>();
  const count = from.uint32();
  if (count < 1 || count > maxAlgorithms) throw refuse("event_log_limit", "algorithms");
  for (let i = 0; i < count; i++) {
    const [hash, size] = [from.uint16(), from.uint16()];
    const known = findHash(hash)?.size;
    if (size > 64 || sizes.has(hash) || (known !== undefined && known !== size)) {
      throw refuse("event_log", "digest size");
    }
    sizes.set(hash, size);
  }
  from.take(from.uint8()); // vendor information
  if (from.left > 0) throw refuse("event_log", "first event has bytes left over");
  return sizes;
}
