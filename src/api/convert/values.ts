/**
 * The forms of single values that are written differently in documents and in messages: times, durations, bytes,
 * whole numbers.
 */
import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { base64 } from "#base/bytes.ts";
import { formatDuration, parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";

/** Seconds of "0001-01-01T00:00:00Z", which Go peers send for "not set". */
const zeroSeconds = -62_135_596_800n;

/** The last second of the year 9999: later times have no RFC 3339 form. */
const lastSecond = 253_402_300_799n;

/** RFC 3339 with up to nine digits of a second; undefined for the zero time. Throws `malformed`. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string | undefined {
  if (seconds === zeroSeconds && nanos === 0) return undefined;
  if (seconds < zeroSeconds || seconds > lastSecond || nanos < 0 || nanos > 999_999_999) {
    throw new Fault("malformed", "the time is out of range");
  }
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = String(nanos).padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The timestamp of a document's time. Throws `invalid`. */
export function parseTimestamp(text: unknown): Timestamp {
  // What our own clock writes, to the millisecond: most times of a listing, and twice as fast as the general form.
  const ms = typeof text === "string" && isoTime.test(text) ? Date.parse(text) : Number.NaN;
  if (ms >= 0) {
    const nanos = (ms % 1000) * 1_000_000;
    return create(TimestampSchema, { seconds: BigInt(Math.floor(ms / 1000)), nanos });
  }
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(String(text));
  const whole = match ? Date.parse(`${match[1]}Z`) : Number.NaN;
  if (Number.isNaN(whole)) throw new Fault("invalid", `"${String(text)}" is not a time in UTC`);
  const nanos = Number((match?.[2] ?? "").padEnd(9, "0"));
  return create(TimestampSchema, { seconds: BigInt(whole / 1000), nanos });
}

/** "12h0m0s" for nanoseconds. */
export function formatNanoseconds(nanoseconds: bigint): string {
  return formatDuration(Number(nanoseconds) / 1e6);
}

/** Nanoseconds of a document's duration. Throws `invalid`. */
export function parseNanoseconds(text: unknown): bigint {
  return BigInt(Math.round(parseDuration(String(text)) * 1e6));
}

/** "12h0m0s" for a protobuf duration. */
export function formatWireDuration({ seconds, nanos }: Duration): string {
  return formatNanoseconds(seconds * 1_000_000_000n + BigInt(nanos));
}

/** The protobuf duration of a document's duration. Throws `invalid`. */
export function parseWireDuration(text: unknown): Duration {
  const nanoseconds = parseNanoseconds(text);
  return create(DurationSchema, {
    seconds: nanoseconds / 1_000_000_000n,
    nanos: Number(nanoseconds % 1_000_000_000n),
  });
}

/** Standard base64. */
export const formatBytes = base64;

/** Bytes of standard base64. Throws `invalid`. */
export function parseBytes(text: unknown): Uint8Array {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new Fault("invalid", "bytes must be standard base64");
  }
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** A 64-bit integer as a document's number. Throws `malformed` beyond 2^53, where numbers lose digits. */
export function numberOf(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Fault("malformed", `${value} is out of range`);
  return number;
}
