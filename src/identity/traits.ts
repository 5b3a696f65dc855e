/** Traits as JSON, the form in which both kinds of certificate carry them: `{"logins":["root"],"team":null}`. */
import { Fault } from "#base/fault.ts";
import type { Traits } from "./identity.ts";

/** JSON of the traits with sorted keys. */
export function formatTraits(traits: Traits): string {
  const sorted = Object.entries(traits).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(Object.fromEntries(sorted));
}

/** Parses traits; `null` is an empty list. Throws `malformed` for anything but lists of strings by name. */
export function parseTraits(json: string): Traits {
  const parsed = parseJson(json, "traits");
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new Fault("malformed", "the traits of the certificate are not a JSON object");
  }
  const entries = Object.entries(parsed).map(([name, values]) => {
    const list: unknown = values ?? [];
    if (name === "__proto__" || !isTextList(list)) {
      throw new Fault("malformed", "the traits of the certificate are not lists of strings");
    }
    return [name, list] as const;
  });
  return Object.fromEntries(entries);
}

/** Parses JSON of a certificate. Throws `malformed`, naming the part. */
export function parseJson(json: string, part: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault("malformed", `the ${part} of the certificate are not JSON`, { cause });
  }
}

/** True for a list of strings. */
export function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
