/**
 * Version numbers of operating systems: dotted whole numbers, compared number by number, so that 14.10 is later than 14.9
 * and 14 is the same as 14.0. Anything else ("rolling", "22.04 LTS") is no version number and cannot be compared.
 */

/** At most eight numbers of nine digits each. */
const form = /^\d{1,9}(\.\d{1,9}){0,7}$/;

/** The numbers of a version, or undefined for a text that is no version number. */
export function parseVersionNumber(text: string): readonly number[] | undefined {
  return form.test(text) ? text.split(".").map(Number) : undefined;
}

/** Below zero when `a` is the earlier version, above zero when it is the later one; numbers that are left out are zero. */
export function compareVersionNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
