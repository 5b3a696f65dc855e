/** Turns the words given for flags into typed values, and fills in environment and defaults. */
import { parseDuration } from "#base/duration.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import type { Command } from "./command.ts";
import { type Flag, type Flags, flagName } from "./flag.ts";
import { formatAlternatives, formatUsage } from "./spelling.ts";

/** The words given for each flag, by its key, in order. */
export type FlagWords = Map<string, readonly string[]>;

type Value = string | number | boolean | readonly string[] | undefined;

/** The values of `flags`. Throws `usage` for missing required flags, all of them at once, and for bad values. */
export function readFlags(
  flags: Flags,
  given: FlagWords,
  env: Readonly<Record<string, string | undefined>>,
  command: Command,
  program: string,
): Readonly<Record<string, Value>> {
  const values: Record<string, Value> = {};
  const missing: string[] = [];
  for (const [key, flag] of Object.entries(flags)) {
    const fromEnv = flag.env === undefined ? undefined : env[flag.env];
    const words = given.get(key) ?? (fromEnv ? [fromEnv] : []);
    const name = given.has(key) ? `--${flagName(key)}` : (flag.env ?? key);
    if (words.length === 0 && flag.required) missing.push(`--${flagName(key)}`);
    else values[key] = words.length === 0 ? absent(flag) : readFlag(flag, name, words);
  }
  if (missing.length > 0) {
    const list = missing.length > 1 ? `flags [${missing.join(" ")}]` : `flag ${missing[0]}`;
    throw new Fault("usage", `required ${list} not provided`, {
      hint: `usage: ${formatUsage(program, command)}, for example: ${command.example}`,
    });
  }
  return values;
}

function absent(flag: Flag): Value {
  if (flag.kind === "boolean") return false;
  if (flag.kind === "list") return [];
  return (flag as { readonly default?: string | number }).default;
}

function readFlag(flag: Flag, name: string, words: readonly string[]): Value {
  const last = words.at(-1) ?? "";
  switch (flag.kind) {
    case "string":
      return last;
    case "list":
      return flag.split ? words.flatMap(splitList) : words;
    case "boolean":
      return readBoolean(name, last);
    case "duration":
      return readDuration(name, last);
    case "choice":
      return readChoice(name, last, flag.choices);
  }
}

function splitList(word: string): readonly string[] {
  return word
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function readBoolean(name: string, word: string): boolean {
  if (["true", "yes", "1"].includes(word)) return true;
  if (["false", "no", "0"].includes(word)) return false;
  throw new Fault("usage", `invalid ${name}: ${word}`, { hint: `write ${name} or ${name}=false` });
}

function readDuration(name: string, word: string): number {
  const hint = `write hours, minutes and seconds, as in ${name}=12h or ${name}=1h30m`;
  let ms: number;
  try {
    ms = parseDuration(word);
  } catch (error) {
    throw new Fault("usage", `invalid ${name}: ${messageOf(error)}`, { hint, cause: error });
  }
  if (ms > 0) return ms;
  throw new Fault("usage", `invalid ${name}: it must be longer than zero`, { hint });
}

function readChoice(name: string, word: string, choices: readonly string[]): string {
  if (choices.includes(word)) return word;
  const meant = nearest(word, choices);
  throw new Fault("usage", `invalid ${name}: ${word}`, {
    hint: meant ? `did you mean: ${name}=${meant}` : `choose ${formatAlternatives(choices)}`,
  });
}
