/**
 * What is wrong with a value, said to a person: turns the issues of a strict schema into sentences
 * with the nearest valid word. Used for resources and for the config file alike; positions in a
 * text are added by `yaml/`.
 */
import type * as z from "zod";
import { nearest } from "#base/nearest.ts";
import { shorten } from "./scalar.ts";
import { allKeys, keysAt, type Path, placesOf } from "./schema.ts";

/** One thing that is wrong. */
export interface Problem {
  readonly path: Path;
  /** Whether the key at the end of the path is meant, or its value. */
  readonly at: "key" | "value";
  /** A sentence without full stop; the path is said apart. */
  readonly message: string;
  /** What to write instead, such as `did you mean "logins"?`. */
  readonly suggestion?: string | undefined;
}

/** Either the canonical value or every problem. */
export type Checked<T> =
  | { readonly value: T; readonly problems?: undefined }
  | { readonly value?: undefined; readonly problems: readonly Problem[] };

/** Problems that are described at most; more help nobody and cost time. */
const describedAtMost = 100;

/**
 * Holds a plain value against a strict schema. Unknown keys do not hide what is wrong elsewhere.
 */
export function checkValue<S extends z.ZodType>(schema: S, input: unknown): Checked<z.output<S>> {
  const first = schema.safeParse(input, { reportInput: true });
  if (first.success) {
    dropUndefined(first.data);
    return { value: first.data };
  }
  const issues: z.core.$ZodIssue[] = [...first.error.issues];
  const unknown = issues.filter((issue) => issue.code === "unrecognized_keys");
  if (unknown.length === issues.length) {
    const second = schema.safeParse(without(input, unknown), { reportInput: true });
    issues.push(...(second.success ? [] : second.error.issues));
  }
  return { problems: issues.slice(0, describedAtMost).flatMap((issue) => describe(schema, issue)) };
}

/** A path as people write it: `spec.allow.rules[0].verbs`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const word = /^[A-Za-z0-9_]+$/.test(key) ? key : JSON.stringify(shorten(key));
    return text === "" ? word : `${text}.${word}`;
  }, "");
}

/** The value at a path, or undefined. */
function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string | number, unknown>)[key]
        : undefined,
    input,
  );
}

function describe(schema: z.ZodType, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const problem = (message: string, suggestion?: string): Problem[] => [
    { path, at: "value", message, suggestion },
  ];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.slice(0, describedAtMost).map((key) => unknownKey(schema, path, key));
    case "invalid_type": {
      const given = issue.input;
      if (given === undefined) return problem("is missing");
      if (given === null) return problem("has no value");
      return problem(
        `must be ${expectations[issue.expected] ?? "of another type"}, not ${kindOf(given)}`,
      );
    }
    case "invalid_value":
      return describeWord(problem, issue.values.map(String), issue.input);
    case "too_small":
      return problem("must not be negative");
    case "too_big":
      return problem("is too large");
    case "invalid_key":
      return [{ path, at: "key", message: issue.issues[0]?.message ?? "is not a valid key" }];
    case "custom": {
      const suggestion: unknown = issue.params?.["suggestion"];
      return problem(issue.message, typeof suggestion === "string" ? suggestion : undefined);
    }
    case "invalid_union":
      return problem(issue.message === "Invalid input" ? "has the wrong type" : issue.message);
    default:
      return problem(issue.message);
  }
}

function describeWord(
  problem: (message: string, suggestion?: string) => Problem[],
  words: readonly string[],
  given: unknown,
): Problem[] {
  const shown = words.filter((word) => word !== "");
  const wanted = shown.length === 1 ? `"${shown[0]}"` : `one of ${shown.join(", ")}`;
  if (given === undefined) return problem(`is missing; it must be ${wanted}`);
  if (given === null) return problem(`has no value; it must be ${wanted}`);
  if (typeof given === "object") return problem(`must be ${wanted}, not ${kindOf(given)}`);
  const close = nearestWord(String(given), shown);
  return problem(
    `must be ${wanted}, not "${shorten(String(given))}"`,
    close === undefined ? undefined : `did you mean "${close}"?`,
  );
}

/**
 * Says what an unknown key may have been meant to be: valid elsewhere as it stands, or mistyped
 * here or elsewhere.
 */
function unknownKey(schema: z.ZodType, path: Path, key: string): Problem {
  const here = keysAt(schema, path) ?? [];
  const places = placesOf(schema, key)
    .slice(0, 3)
    .map((place) => place || "the top level");
  const message = `unknown key "${shorten(key)}"`;
  const at = "key";
  const full = [...path, key];
  if (places.length > 0) {
    const suggestion = `"${key}" belongs in ${places.join(" or ")}`;
    return { path: full, at, message: `misplaced key "${key}"`, suggestion };
  }
  const close = nearestWord(key, here);
  if (close !== undefined)
    return { path: full, at, message, suggestion: `did you mean "${close}"?` };
  const far = nearestWord(key, allKeys(schema));
  if (far !== undefined) {
    const place = placesOf(schema, far)[0] || "the top level";
    return { path: full, at, message, suggestion: `did you mean "${far}" in ${place}?` };
  }
  const listed = here.length > 12 ? [...here.slice(0, 12), "..."] : here;
  return { path: full, at, message, suggestion: `valid here: ${listed.join(", ")}` };
}

/** A field that was left out is absent, not present without a value: documents compare by their keys. */
function dropUndefined(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (child === undefined) Reflect.deleteProperty(value, key);
    else dropUndefined(child);
  }
}

/** Long words are not mistyped words; measuring their distance would cost time. */
function nearestWord(word: string, words: Iterable<string>): string | undefined {
  return word.length > 64 ? undefined : nearest(word, words);
}

const expectations: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map of keys",
  record: "a map of keys",
  array: "a list",
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map of keys";
  if (typeof value === "string") return value === "" ? "empty text" : `"${shorten(value)}"`;
  return String(value);
}

/** A copy of the value without the keys that were refused as unknown. */
function without(input: unknown, issues: readonly z.core.$ZodIssueUnrecognizedKeys[]): unknown {
  const copy: unknown = structuredClone(input);
  for (const issue of issues) {
    const holder = valueAt(copy, issue.path as Path);
    if (typeof holder !== "object" || holder === null) continue;
    for (const key of issue.keys) Reflect.deleteProperty(holder, key);
  }
  return copy;
}
