/**
 * Times as certificates write them (RFC 5280 section 4.1.2.5): UTCTime for the years 1950 to 2049,
 * GeneralizedTime for the others, both in UTC with seconds and without fractions. Reading accepts
 * GeneralizedTime for any year, because certificates of some TPM vendors use it so.
 */
import { Fault } from "#base/fault.ts";
import { tags } from "./tags.ts";

/** Encodes a moment, cut to the second. Throws `invalid` outside of the years 1950 to 9999. */
export function encodeTimeContents(time: Date): { tag: number; contents: Uint8Array } {
  const year = time.getUTCFullYear();
  if (!(year >= 1950 && year <= 9999)) {
    throw new Fault(
      "invalid",
      "a certificate cannot hold a time outside of the years 1950 to 9999",
    );
  }
  const digits = `${time.toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  return year < 2050
    ? { tag: tags.utcTime, contents: Buffer.from(digits.slice(2), "latin1") }
    : { tag: tags.generalizedTime, contents: Buffer.from(digits, "latin1") };
}

/**
 * Decodes UTCTime or GeneralizedTime; throws `malformed` for other forms and for days that do not
 * exist.
 */
export function decodeTimeContents(tag: number, contents: Uint8Array): Date {
  const digits = tag === tags.utcTime ? 12 : tag === tags.generalizedTime ? 14 : -1;
  const text = contents.length === digits + 1 ? Buffer.from(contents).toString("latin1") : "";
  if (!/^\d+Z$/.test(text)) {
    throw new Fault("malformed", "a time does not have the form that certificates use");
  }
  const full = digits === 14 ? text : `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}`;
  const iso = full.replace(/^(.{4})(..)(..)(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const time = new Date(iso);
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) {
    throw new Fault("malformed", "a time names a day or an hour that does not exist");
  }
  return time;
}
