/** Randomness as an argument: pure code receives a {@link Random} and never asks the machine. */
import { randomBytes } from "node:crypto";

/** Gives `length` unpredictable bytes. */
export type Random = (length: number) => Uint8Array;

/** The machine's cryptographic generator. */
export const systemRandom: Random = (length) => new Uint8Array(randomBytes(length));

/** A random UUID, version 4 (RFC 9562 section 5.4). */
export function uuid(random: Random = systemRandom): string {
  return formatUuid(random(16), 4);
}

/** A UUID that begins with the time to the millisecond, version 7 (RFC 9562 section 5.7). */
export function timeUuid(time: Date, random: Random = systemRandom): string {
  const bytes = random(16);
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).writeUIntBE(time.getTime(), 0, 6);
  return formatUuid(bytes, 7);
}

/** The time in a UUID of version 7; undefined for a text that is none. */
export function timeOfUuid(text: string): Date | undefined {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  if (!form.test(text)) return undefined;
  return new Date(Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16));
}

function formatUuid(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
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
