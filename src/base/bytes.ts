/** Small operations on byte strings that every layer needs. */
import { timingSafeEqual } from "node:crypto";

/** Joins byte strings. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Equality in time that depends on the lengths only. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A view of the same memory as a `Buffer`, for Node calls that want one. */
export function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Frees the memory of a byte string now, where the collector would do it later and at a higher price. Every view of it is
 * empty afterwards: only for memory that nobody else holds. A view of a part, as of the runtime's shared pool, is left alone,
 * unless what is around it is at most `framing` bytes, which then go with it.
 */
export function discard({ buffer, byteLength }: Uint8Array, framing = 0): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > byteLength + framing) return;
  buffer.transfer(0);
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return buffer(bytes).toString("hex");
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function base64(bytes: Uint8Array): string {
  return buffer(bytes).toString("base64");
}

/** URL-safe base64 without padding (RFC 4648 section 5). */
export function base64url(bytes: Uint8Array): string {
  return buffer(bytes).toString("base64url");
}
