/**
 * Object identifiers (X.690 section 8.19) between their contents bytes and the dotted text
 * "1.2.840".
 */
import { Fault } from "#base/fault.ts";
import { derLimits } from "./tags.ts";

/**
 * Most bytes of one number in an identifier: 19 groups of 7 bits hold the 128 bits of a UUID
 * (X.667).
 */
const maxGroups = 19;

/**
 * Encodes dotted text to the contents of an OBJECT IDENTIFIER; throws `invalid` for anything that
 * is not one.
 */
export function encodeOidContents(oid: string): Uint8Array {
  if (oid.length > 4 * derLimits.oid || !/^[0-2](\.(0|[1-9]\d{0,38}))+$/.test(oid)) {
    throw new Fault("invalid", `"${oid.slice(0, 100)}" is not an object identifier`);
  }
  const [first = 0n, second = 0n, ...rest] = oid.split(".").map(BigInt);
  if (first < 2n && second > 39n) {
    throw new Fault(
      "invalid",
      `"${oid}" is not an object identifier: its second number is too large`,
    );
  }
  const bytes = [first * 40n + second, ...rest].flatMap(encodeNumber);
  if (bytes.length > derLimits.oid) {
    throw new Fault("invalid", "the object identifier is too long");
  }
  return Uint8Array.from(bytes);
}

function encodeNumber(value: bigint): number[] {
  const groups = [Number(value & 0x7fn)];
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) groups.unshift(Number(rest & 0x7fn) | 0x80);
  if (groups.length > maxGroups) {
    throw new Fault("invalid", "a number of the object identifier is too large");
  }
  return groups;
}

/**
 * Decodes the contents of an OBJECT IDENTIFIER to dotted text; throws `malformed` unless they are
 * minimal.
 */
export function decodeOidContents(contents: Uint8Array): string {
  if (contents.length === 0 || contents.length > derLimits.oid) {
    throw new Fault("malformed", "the length of an object identifier is out of bounds");
  }
  if ((contents.at(-1) ?? 0) & 0x80) {
    throw new Fault("malformed", "an object identifier ends inside a number");
  }
  const numbers: bigint[] = [];
  let value = 0n;
  let groups = 0;
  for (const byte of contents) {
    if (groups === 0 && byte === 0x80) {
      throw new Fault("malformed", "an object identifier is not minimal");
    }
    if (++groups > maxGroups) {
      throw new Fault("malformed", "a number of an object identifier is too large");
    }
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte & 0x80) continue;
    numbers.push(value);
    value = 0n;
    groups = 0;
  }
  const [joint = 0n, ...rest] = numbers;
  const first = joint < 80n ? joint / 40n : 2n;
  return [first, joint - 40n * first, ...rest].join(".");
}
