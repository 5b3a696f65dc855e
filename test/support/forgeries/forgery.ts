/**
 * A corpus of forged TPM evidence: what somebody with a software TPM, with the wrong TPM, or in the middle might send. Each
 * entry changes honest evidence in one named way and says which check must refuse it. What the forger can sign is signed
 * again, so that the checks behind the signature are tried, too.
 */
import type { BootReason } from "#devicetrust/measured-boot.ts";
import type { EvidenceReason } from "#tpm/refusal.ts";
import type { TestCertificate } from "../endorsement-certificates.ts";
import type { SimulatedTpm } from "../simulated-tpm.ts";

/** What the forger has at hand. */
export interface Means {
  /** Its attestation key signs whatever the forger likes, as no TPM would. */
  readonly tpm: SimulatedTpm;
  /** What a quote must carry. */
  readonly nonce: Uint8Array;
  /** A certificate of the TPM's endorsement key from the listed authority, otherwise than usual. */
  certify(changes: Partial<TestCertificate>): Uint8Array;
}

/** One forgery of evidence of the kind `T`. */
export interface Forgery<T> {
  readonly name: string;
  /** What the audit event must name. */
  readonly reason: EvidenceReason | BootReason;
  forge(honest: T, means: Means): T;
}

/** Up to so many places in `length` bytes, the first and the last among them. */
export function placesIn(length: number, count: number): number[] {
  const step = (length - 1) / (count - 1);
  return [...new Set(Array.from({ length: count }, (_, i) => Math.round(i * step)))];
}

/** The bytes with one bit changed. */
export function flipped<T extends Uint8Array>(bytes: T, place: number): T {
  return bytes.with(place, (bytes[place] ?? 0) ^ (1 << (place % 8))) as T;
}

/** The bytes with some more at the end. */
export function longer<T extends Uint8Array>(bytes: T, count = 1): T {
  const more = new Uint8Array(bytes.length + count);
  more.set(bytes);
  return more as Uint8Array as T;
}
