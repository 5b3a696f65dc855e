/**
 * Keys of the store: paths such as "/roles/access". Parts are escaped, so that no name of a user or
 * a device can reach into another folder. Keys are ordered by their UTF-8 bytes, which is the order
 * of code points.
 */
import { Fault } from "#base/fault.ts";
import { type KeyRange, limits } from "./port.ts";

/**
 * A key from its parts: each is escaped and put behind a slash. Throws `invalid` for no parts or an
 * empty one.
 */
export function formatKey(...parts: readonly string[]): string {
  const key = parts.map((part) => `/${escapePart(part)}`).join("");
  checkKey(key);
  return key;
}

/** The prefix of all keys below a folder: the key of its parts and a slash. */
export function formatPrefix(...parts: readonly string[]): string {
  return `${formatKey(...parts)}/`;
}

/** The parts of a key that {@link formatKey} made; throws `malformed` for another text. */
export function parseKey(key: string): string[] {
  const [root, ...escaped] = key.split("/");
  const parts = escaped.map((part) => part.replace(/%(2F|25|[01][0-9A-F]|7F)/g, unescapeByte));
  if (root !== "" || parts.length === 0 || parts.includes("") || formatKey(...parts) !== key) {
    throw new Fault("malformed", "a key of the store does not have the form of a path");
  }
  return parts;
}

function escapePart(part: string): string {
  if (part === "") throw new Fault("invalid", "a part of a key is empty");
  return part.replace(/[/%\x00-\x1f\x7f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${code.padStart(2, "0")}`;
  });
}

function unescapeByte(_: string, code: string): string {
  return String.fromCharCode(Number.parseInt(code, 16));
}

/** Greater than every key: the last code point may not stand in one. */
const afterAllKeys = "\u{10ffff}";

/**
 * Throws `invalid` unless the text can be a key: not empty, bounded, no control characters, no half
 * surrogates.
 */
export function checkKey(key: string): void {
  if (key === "") throw new Fault("invalid", "a key of the store is empty");
  checkKeyText(key);
  if (key.includes(afterAllKeys))
    throw new Fault("invalid", "a key of the store has a reserved character");
}

function checkKeyText(text: string): void {
  if (typeof text !== "string" || !text.isWellFormed() || /[\x00-\x1f\x7f]/.test(text)) {
    throw new Fault("invalid", "a key of the store has characters that it must not have");
  }
  if (text.length > limits.key || Buffer.byteLength(text) > limits.key) {
    throw new Fault("invalid", `a key of the store is longer than ${limits.key} bytes`);
  }
}

/** Keys from `start` (inclusive) to `end` (exclusive). */
export interface Bounds {
  readonly start: string;
  readonly end: string;
}

/**
 * The bounds of a range; `after` moves the start behind a key. Throws `invalid` for impossible
 * texts.
 */
export function boundsOf(range: KeyRange, after?: string): Bounds {
  const { start, end } = "prefix" in range ? prefixBounds(range.prefix) : range;
  checkKeyText(start);
  checkKeyText(end);
  if (after === undefined) return { start, end };
  checkKey(after);
  const behind = `${after}\u0001`;
  return { start: compareKeys(behind, start) > 0 ? behind : start, end };
}

function prefixBounds(prefix: string): Bounds {
  if (prefix === "") return { start: "", end: afterAllKeys };
  checkKey(prefix);
  const characters = [...prefix];
  const last = characters.pop()?.codePointAt(0) ?? 0;
  const next = last === 0xd7ff ? 0xe000 : last + 1;
  return { start: prefix, end: characters.join("") + String.fromCodePoint(next) };
}

/** Where they stand, the order of UTF-16 is not that of UTF-8. */
const surrogate = /[\ud800-\udfff]/;

/** Orders keys by their UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (!surrogate.test(a) && !surrogate.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** True when the key lies within the bounds. */
export function isWithin(key: string, { start, end }: Bounds): boolean {
  return compareKeys(key, start) >= 0 && compareKeys(key, end) < 0;
}
