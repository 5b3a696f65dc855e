/**
 * Durations in the notation that resources, flags and the public API use: "12h0m0s", "1h30m", "250ms".
 * In memory a duration is a number of milliseconds.
 */
import { Fault } from "./fault.ts";

/** The longest duration: 2^63 nanoseconds, what peers of the public API hold in an integer. About 292 years. */
const longestDurationMs = 9_223_372_036_854;

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/**
 * Parses one or more number-unit pairs (h, m, s, ms, us, ns) to milliseconds. "0" alone is zero.
 * Throws `invalid` for anything else, negative values and more than 292 years included.
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const pairs = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/gy)];
  const consumed = pairs.reduce((sum, pair) => sum + pair[0].length, 0);
  if (pairs.length === 0 || consumed !== text.length) {
    throw new Fault("invalid", `"${text}" is not a duration`, {
      hint: 'write hours, minutes and seconds, as in "12h" or "1h30m"',
    });
  }
  const ms = pairs.reduce((sum, pair) => sum + Number(pair[1]) * (units[pair[2] ?? ""] ?? 0), 0);
  if (ms <= longestDurationMs) return ms;
  throw tooLong(text);
}

/**
 * Like {@link parseDuration}, and days may stand in front: "7d", "1d12h". For what people write; the public API knows no
 * days.
 */
export function parseDurationWithDays(text: string): number {
  const [, days, rest = ""] = /^(\d{1,6})d(.*)$/s.exec(text) ?? [];
  if (days === undefined) return parseDuration(text);
  const ms = (rest === "" ? 0 : parseDuration(rest)) + Number(days) * 86_400_000;
  if (ms <= longestDurationMs) return ms;
  throw tooLong(text);
}

/** Formats milliseconds as the public API prints them: "12h0m0s", "5m0s", "1.5s", "250ms", "0s". */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1) return `${trim(ms * 1000)}µs`;
  if (ms < 1000) return `${trim(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = trim((ms % 60_000) / 1000);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

function tooLong(text: string): Fault {
  return new Fault("invalid", `"${text.slice(0, 40)}" is too long for a duration`, {
    hint: "durations end at 292 years",
  });
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)));
}
