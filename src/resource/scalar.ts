/**
 * The leaves of a resource: text, flags, counts, durations, times, bytes and closed sets of words,
 * as zod schemas. Each accepts the spellings that a person types in YAML and gives the one
 * canonical spelling (the layout that `tctl get` prints). Structure is in the files of the kinds;
 * positions of problems are found in `yaml/`.
 */

import * as z from "zod";
import { formatDuration, parseDurationWithDays } from "#base/duration.ts";
import { parseTime } from "./time.ts";

/** Numbers and booleans become their text: `i: 0` is the label value "0". */
function asText(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function absentWhenNull(value: unknown): unknown {
  return value === null ? undefined : value;
}

/** A field that may be left out; `key:` with nothing after it counts as left out. */
export function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess(absentWhenNull, schema.optional());
}

/**
 * A field that has `value` when it is left out. The value is written in the input spelling and is
 * parsed.
 */
export function fallback<T extends z.ZodType>(
  schema: T,
  value: z.core.util.NoUndefined<z.input<T>>,
) {
  return z.preprocess(
    absentWhenNull,
    schema.prefault(() => value),
  );
}

/** Any text without NUL characters. */
export const text = z.preprocess(
  asText,
  z.string().refine((value) => !value.includes("\0"), "must not contain a NUL character"),
);

/** Text that says something. */
export const filledText = z.preprocess(
  asText,
  z
    .string()
    .refine((value) => !value.includes("\0"), "must not contain a NUL character")
    .refine((value) => value.trim() !== "", "must not be empty"),
);

const truths: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["y", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["n", false],
]);

/** True or false; yes, no, on and off are accepted too. */
export const flag = z.preprocess(
  (value) => (typeof value === "string" ? (truths.get(value.toLowerCase()) ?? value) : value),
  z.boolean(),
);

/** A whole number from zero up. */
export const count = z.preprocess(
  (value) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value),
  z.int().min(0),
);

/** One of the given words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.preprocess(asText, z.enum(words));
}

/**
 * One of the given words, where the empty word means that nothing was said and the field is left
 * out.
 */
export function oneOfOrNothing<const T extends readonly [string, ...string[]]>(words: T) {
  return z.preprocess(
    (value) => (value === "" || value === null ? undefined : asText(value)),
    z.enum(words).optional(),
  );
}

/** A list; a single value counts as a list of one, and nothing as the empty list. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => {
    if (value === null) return [];
    return Array.isArray(value) || value === undefined ? value : [value];
  }, z.array(item));
}

/** A list of texts; a single text counts as a list of one. */
export const textList = listOf(text);

/** A list of whole maps: no single spelling, so that a forgotten dash is found. */
export function mapList<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => (value === null ? [] : value), z.array(item));
}

/**
 * A duration in the notation of the public API, "12h0m0s". Days ("7d", "1d12h") and "never" (zero)
 * are accepted.
 */
export const duration = z.preprocess(
  asText,
  z.string().transform((value, context) => {
    const canonical = canonicalDuration(value);
    if (canonical !== undefined) return canonical;
    context.issues.push({
      code: "custom",
      input: value,
      message: `"${shorten(value)}" is not a duration`,
      params: { suggestion: 'write hours, minutes and seconds, as in "12h" or "1h30m"' },
    });
    return z.NEVER;
  }),
);

function canonicalDuration(value: string): string | undefined {
  if (value === "never" || value === "") return "0s";
  if (value.length > 64) return undefined;
  try {
    return formatDuration(parseDurationWithDays(value));
  } catch {
    return undefined;
  }
}

/** A time of RFC 3339, given in UTC with up to nine digits of a second. */
export const time = z.preprocess(
  asText,
  z.string().transform((value, context) => {
    const canonical = parseTime(value);
    if (canonical !== undefined) return canonical;
    context.issues.push({
      code: "custom",
      input: value,
      message: `"${shorten(value)}" is not a time`,
      params: { suggestion: 'write it as in "2030-01-31T17:00:00Z"' },
    });
    return z.NEVER;
  }),
);

/** Bytes as standard base64 with padding (RFC 4648 section 4). */
export const base64Text = z
  .string()
  .refine(
    (value) => value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
    "must be standard base64",
  );

/** A value cut to a length that fits into an error message. */
export function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
