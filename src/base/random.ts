/** Randomness as an argument: pure code receives a {@link Random} and never asks the machine. */
import { randomBytes } from "node:crypto";

/** Gives `length` unpredictable bytes. */
export type Random = (length: number) => Uint8Array;

/** The machine's cryptographic generator. */
export const systemRandom: Random = (length) => new Uint8Array(randomBytes(length));

/** A random UUID, version 4 (RFC 9562 section 5.4). */
export function uuid(random: Random = systemRandom): string {
  const bytes = random(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = Buffer.from(bytes).toString("hex");
  return [
    text.slice(0, 8),
    text.slice(8, 12),
    text.slice(12, 16),
    text.slice(16, 20),
    text.slice(20),
  ].join("-");
}
