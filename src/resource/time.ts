/**
 * Times of RFC 3339 as text. Documents keep nanoseconds, which a `Date` cannot hold, so a time
 * stays text and is only brought to one spelling: UTC with `Z`, no trailing zeros in the fraction.
 */

/** The time that means "never" or "not set" in documents of the public API. */
export const zeroTime = "0001-01-01T00:00:00Z";

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/;

/** The canonical spelling of an RFC 3339 time, or undefined when the text is not one. */
export function parseTime(text: string): string | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const local = new Date(`${wall}Z`);
  if (Number.isNaN(local.getTime()) || local.toISOString().slice(0, 19) !== wall) return undefined;
  const offset = zoneMinutes(zone ?? "Z");
  if (offset === undefined) return undefined;
  const utc = new Date(local.getTime() - offset * 60_000);
  if (utc.getUTCFullYear() < 0 || utc.getUTCFullYear() > 9999) return undefined;
  const digits = (fraction ?? "").replace(/0+$/, "");
  return `${utc.toISOString().slice(0, 19)}${digits === "" ? "" : `.${digits}`}Z`;
}

function zoneMinutes(zone: string): number | undefined {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * The instant of a document time, to the millisecond. The zero time and absence give undefined: no
 * limit.
 */
export function instantOf(text: string | undefined): Date | undefined {
  return text === undefined || text === "" || text === zeroTime ? undefined : new Date(text);
}

/** The document spelling of an instant. */
export function timeOf(instant: Date): string {
  return parseTime(instant.toISOString()) ?? zeroTime;
}
