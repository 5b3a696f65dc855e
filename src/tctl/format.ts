/** Texts that several commands share: durations and times as people read them. */
import { formatDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import { parseTime } from "#resource/time.ts";

/** "1h", "30m", "1h30m": without the zero parts. */
export function formatShortDuration(ms: number): string {
  const text = formatDuration(Math.round(ms / 1000) * 1000);
  const short = text.replace(/(?<=[hm])0s$/, "").replace(/(?<=h)0m$/, "");
  return short === "" ? text : short;
}

/** How long something that was made just now is good, to the minute: the server decides, and answers a moment later. */
export function formatValidity(expires: Date, now: Date): string {
  const ms = expires.getTime() - now.getTime();
  return formatShortDuration(ms < 90_000 ? ms : Math.round(ms / 60_000) * 60_000);
}

/** "30 minutes", "1 hour", "1h30m". */
export function formatLongDuration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1 || (minutes >= 60 && minutes % 60 !== 0)) return formatShortDuration(ms);
  const [count, unit] = minutes < 60 ? [minutes, "minute"] : [minutes / 60, "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** "Sat Nov 21 06:20 UTC". */
export function formatWeekdayUtc(at: Date): string {
  const [weekday, day, month] = at.toUTCString().split(/,? /u);
  return `${weekday} ${month} ${day?.replace(/^0/u, " ")} ${at.toISOString().slice(11, 16)} UTC`;
}

/** "21 Nov 26 06:20 UTC". */
export function formatTimeUtc(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(at.getUTCDate())} ${months[at.getUTCMonth()]} ${two(at.getUTCFullYear() % 100)}`;
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;
}

/** The instant that a flag names. Throws `usage`. */
export function readTimeFlag(flag: string, text: string): Date {
  const parsed = parseTime(text);
  if (parsed === undefined) {
    throw new Fault("usage", `invalid ${flag}: ${text}`, {
      hint: `write a time as in ${flag}=2026-12-31T12:00:00Z`,
    });
  }
  return new Date(parsed);
}

/** When something ends, and how long from now. */
export function formatExpiry(expires: Date | undefined, now: Date): string {
  if (expires === undefined) return "never";
  const left = Math.max(0, Math.round((expires.getTime() - now.getTime()) / 1000) * 1000);
  return `${formatTimeUtc(expires)} (${formatDuration(left)})`;
}
