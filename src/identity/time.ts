/** Times in certificates as text: RFC 3339. */
import { Fault } from "#base/fault.ts";

/** Parses a time of RFC 3339 section 5.6. Throws `malformed`. */
export function parseTime(text: string): Date {
  const time = new Date(text);
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
  if (!form.test(text) || Number.isNaN(time.getTime())) {
    throw new Fault("malformed", "the certificate has a time that cannot be read");
  }
  return time;
}
