/**
 * Reading the fields of an MDM's answer. Its rows are text that people and vendors wrote: each field is bounded, and one
 * that is no clean text counts as absent, so that nothing is compared with half of a value.
 */

/** Characters of a short field, of a login name, and login names of one device. */
const longest = { text: 100, username: 40, usernames: 100, user: 256 } as const;

/** An object of an answer. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value when it is an object; anything else counts as an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

/** A text without what surrounds it; undefined when it is empty, too long or holds control characters. */
export function readText(value: unknown, most: number = longest.text): string | undefined {
  if (typeof value !== "string" || value.length > 4 * most) return undefined;
  const text = value.trim();
  if (text === "" || text.length > most || !text.isWellFormed()) return undefined;
  return /\p{Cc}/u.test(text) ? undefined : text;
}

/** The id of a row: a number or a short text. */
export function readId(value: unknown): string | undefined {
  return Number.isSafeInteger(value) ? String(value) : readText(value);
}

/**
 * A serial number; undefined for what makers write where there is none. All of those hold a space or say nothing but
 * zeros or one word.
 */
export function readSerial(value: unknown): string | undefined {
  const serial = readText(value);
  if (serial === undefined || /\s/.test(serial)) return undefined;
  if (/^(?:0+|none|null|unknown|n\/a|defaultstring|notspecified|systemserialnumber)$/i.test(serial))
    return undefined;
  return serial;
}

/** The login names of a list of accounts, without those that no login name can be. */
export function readUsernames(accounts: unknown): string[] {
  if (!Array.isArray(accounts)) return [];
  const names = accounts
    .slice(0, longest.usernames)
    .flatMap((account) => readText(fieldsOf(account)["username"], longest.username) ?? []);
  return [...new Set(names)];
}

/** The first of the values that names a person; empty for nobody. */
export function readUser(...values: readonly unknown[]): string {
  for (const value of values) {
    const user = readText(value, longest.user);
    if (user !== undefined) return user;
  }
  return "";
}

/** Milliseconds since 1970 of a time of RFC 3339; zero for none. */
export function readTime(value: unknown): number {
  const text = readText(value);
  const at = text !== undefined && /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(at) && at > 0 ? at : 0;
}

/** The fields that have a value. */
export function present<T extends object>(
  fields: {
    [K in keyof T]: T[K] | undefined;
  },
): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
