/**
 * The epoch of a device: a secret that our own client replaces at every authentication and the server knows by its hash. A
 * key in a TPM cannot be copied, but a virtual TPM can, with everything around it. Two copies share the epoch until one
 * of them authenticates; the next time the other one comes it shows an epoch that is over.
 *
 * The client makes the next secret and keeps it on disk before it shows it, so an answer that is lost on the way is
 * repeated with the same secret and looks like what it is. A server whose store was restored from a backup recognises
 * later secrets by its own receipt for them. The official client sends no epoch; one that has begun cannot be left out.
 */
import { createHash, createHmac } from "node:crypto";
import { base64, concat, hex, sameBytes, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";

/** What the client shows with its answer. */
export interface ShownEpoch {
  /** The secret in force; undefined at an enrollment, and at the first authentication of a key that had no epoch. */
  readonly current: Uint8Array | undefined;
  /** The secret that is to be in force afterwards. */
  readonly next: Uint8Array;
  /** What the server gave for `current`. */
  readonly receipt: Uint8Array | undefined;
}

/** What the server remembers of a device's epoch, as its record stores it. */
export interface EpochMark {
  /** Names this enrollment to the client, which may be enrolled in several clusters. Base64. */
  readonly series: string;
  /** How often the secret was replaced. */
  readonly count: number;
  /** SHA-256 of the secret in force, hexadecimal. */
  readonly hash: string;
  /** The same of the secret before it: who repeats an answer has it still. Absent for the first. */
  readonly before?: string;
  /** The key of the receipts, base64. Never leaves the server. */
  readonly receiptKey: string;
}

/** What an epoch that was shown means. */
export type EpochVerdict =
  | { readonly kind: "none" }
  | { readonly kind: "goes-on"; readonly mark: EpochMark; readonly warning?: string }
  | { readonly kind: "missing" }
  | { readonly kind: "copied" };

const seriesBytes = 16;
const secretBytes = 32;
const receiptBytes = 4 + 32;
const receiptDomain = "gatehouse device epoch v1\0";

/** A name for a new series. */
export function newSeries(random: Random): Uint8Array {
  return random(seriesBytes);
}

/** A secret for the next epoch; the client's part. */
export function newSecret(random: Random): Uint8Array {
  return random(secretBytes);
}

/** Bounds of what a client sent; empty fields are absent ones. Throws `invalid`. */
export function checkShownEpoch(
  sent: Readonly<Record<"current" | "next" | "receipt", Uint8Array>>,
): ShownEpoch {
  const { next } = sent;
  if (next.length !== secretBytes) throw badEpoch();
  return {
    current: optional(sent.current, secretBytes),
    next,
    receipt: optional(sent.receipt, receiptBytes),
  };
}

/** Begins a series with the first secret that the client showed. */
export function beginEpoch(series: Uint8Array, shown: ShownEpoch, random: Random): EpochMark {
  const { current, next } = shown;
  const receiptKey = base64(random(32));
  const begun = { series: base64(series), count: 0, hash: hashOf(next), receiptKey };
  return current === undefined ? begun : { ...begun, before: hashOf(current) };
}

/**
 * Judges what a device showed against what is remembered of it. `asked` is the series that the challenge named: when
 * nothing is remembered, it begins there.
 */
export function judgeEpoch(
  mark: EpochMark | undefined,
  shown: ShownEpoch | undefined,
  { asked, random }: { readonly asked: Uint8Array; readonly random: Random },
): EpochVerdict {
  if (mark === undefined) {
    if (shown === undefined) return { kind: "none" };
    return { kind: "goes-on", mark: beginEpoch(asked, shown, random) };
  }
  if (shown === undefined) return { kind: "missing" };
  const { current, next, receipt } = shown;
  const [inForce, offered] = [Buffer.from(mark.hash, "hex"), digest(next)];
  // An earlier answer of this device was lost on its way back: it repeats what it said, word for word. Whoever has only the
  // secret in force and offers it again wants the epoch to stand still.
  if (sameBytes(offered, inForce)) {
    const before = current === undefined ? undefined : hashOf(current);
    return before === mark.before ? { kind: "goes-on", mark } : { kind: "copied" };
  }
  if (current === undefined) return { kind: "missing" };
  if (sameBytes(digest(current), inForce))
    return { kind: "goes-on", mark: moved(mark, current, next) };
  const count = receipt && readReceipt(mark, current, receipt);
  if (count === undefined || count <= mark.count) return { kind: "copied" };
  return {
    kind: "goes-on",
    mark: moved({ ...mark, count }, current, next),
    warning: "the device is ahead of its record: the store of auth was restored from a backup",
  };
}

/** What the client shows with the secret in force, to prove later how many came before it: count, then HMAC-SHA-256. */
export function receiptOf(mark: EpochMark): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, mark.count);
  const text = concat(utf8(receiptDomain), Buffer.from(mark.series, "base64"), count);
  const hmac = createHmac("sha256", Buffer.from(mark.receiptKey, "base64"));
  return concat(count, hmac.update(text).update(Buffer.from(mark.hash, "hex")).digest());
}

function readReceipt(mark: EpochMark, secret: Uint8Array, receipt: Uint8Array): number | undefined {
  const count = new DataView(receipt.buffer, receipt.byteOffset, receipt.byteLength).getUint32(0);
  const genuine = receiptOf({ ...mark, count, hash: hashOf(secret) });
  return sameBytes(genuine, receipt) ? count : undefined;
}

function moved(mark: EpochMark, current: Uint8Array, next: Uint8Array): EpochMark {
  return { ...mark, count: mark.count + 1, hash: hashOf(next), before: hashOf(current) };
}

function optional(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length !== 0 && bytes.length !== length) throw badEpoch();
  return bytes.length === 0 ? undefined : bytes;
}

function digest(secret: Uint8Array): Uint8Array {
  return createHash("sha256").update(secret).digest();
}

function hashOf(secret: Uint8Array): string {
  return hex(digest(secret));
}

function badEpoch(): Fault {
  return new Fault("invalid", "the epoch of the device does not have its form", {
    audit: { reason: "bad_request" },
  });
}
