/**
 * Writing DER: one function per type, each gives a whole element. The results nest by passing them
 * on.
 */
import { Fault } from "#base/fault.ts";
import { encodeOidContents } from "./oid.ts";
import { contextConstructedTag, tags } from "./tags.ts";
import { encodeTextContents } from "./text.ts";
import { encodeTimeContents } from "./time.ts";

/** An element with the given tag byte whose contents are the parts, joined. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const extra = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  if (length >= 0x1000000) throw new Fault("limit", "an encoded structure is larger than 16 MiB");
  const element = new Uint8Array(2 + extra + length);
  element[0] = tag;
  element[1] = extra === 0 ? length : 0x80 | extra;
  for (let i = extra, rest = length; i > 0; i--, rest >>>= 8) element[1 + i] = rest & 0xff;
  let at = 2 + extra;
  for (const part of parts) {
    element.set(part, at);
    at += part.length;
  }
  return element;
}

/** SEQUENCE. */
export function encodeSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return encodeElement(tags.sequence, ...parts);
}

/** SET OF: sorts its members as DER asks (X.690 section 11.6). */
export function encodeSetOf(...members: readonly Uint8Array[]): Uint8Array {
  return encodeElement(tags.set, ...[...members].sort(Buffer.compare));
}

/** An explicit context-specific wrapper, number 0 to 30. */
export function encodeExplicit(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return encodeElement(contextConstructedTag(number), ...parts);
}

/** BOOLEAN. */
export function encodeBoolean(value: boolean): Uint8Array {
  return encodeElement(tags.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** NULL. */
export function encodeNull(): Uint8Array {
  return encodeElement(tags.null);
}

/** INTEGER, in the least number of bytes. */
export function encodeInteger(value: bigint): Uint8Array {
  const negative = value < 0n;
  let digits = (negative ? -value - 1n : value).toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (digits.charCodeAt(0) >= 0x38) digits = `00${digits}`;
  const bytes = Buffer.from(digits, "hex");
  if (negative) for (let i = 0; i < bytes.length; i++) bytes[i] = ~(bytes[i] ?? 0);
  return encodeElement(tags.integer, bytes);
}

/** INTEGER from an unsigned big-endian number; leading zeros are dropped. */
export function encodeUnsigned(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const bytes = magnitude.length === 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  return (bytes[0] ?? 0) & 0x80
    ? encodeElement(tags.integer, Uint8Array.of(0), bytes)
    : encodeElement(tags.integer, bytes);
}

/** BIT STRING; `unused` bits at the end of the last byte do not count and must be zero. */
export function encodeBitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return encodeElement(tags.bitString, Uint8Array.of(unused), bytes);
}

/** OCTET STRING. */
export function encodeOctetString(bytes: Uint8Array): Uint8Array {
  return encodeElement(tags.octetString, bytes);
}

/** Encoded identifiers by text: the few that the product uses stay, whatever callers ask for. */
const encodedOids = new Map<string, Uint8Array>();

/** OBJECT IDENTIFIER from dotted text. The result is shared: do not change its bytes. */
export function encodeOid(oid: string): Uint8Array {
  let element = encodedOids.get(oid);
  if (element === undefined) {
    element = encodeElement(tags.oid, encodeOidContents(oid));
    if (encodedOids.size < 256) encodedOids.set(oid, element);
  }
  return element;
}

/** PrintableString when every character fits, else UTF8String. */
export function encodeText(text: string): Uint8Array {
  const { tag, contents } = encodeTextContents(text);
  return encodeElement(tag, contents);
}

/** UTCTime or GeneralizedTime, cut to the second. */
export function encodeTime(time: Date): Uint8Array {
  const { tag, contents } = encodeTimeContents(time);
  return encodeElement(tag, contents);
}
