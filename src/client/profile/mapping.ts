/** A profile in whatever YAML another program wrote. A file of its own, because few commands need the library. */
import { parse } from "yaml";
import { Fault } from "#base/fault.ts";

/** The texts of a YAML mapping by key; other values are left out. Throws a `malformed` fault for anything else. */
export function readMapping(text: string): Map<string, string> {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0, schema: "failsafe" });
  } catch (error) {
    throw new Fault("malformed", "the profile is not YAML", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Fault("malformed", "the profile is not a YAML mapping");
  }
  return new Map(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}
