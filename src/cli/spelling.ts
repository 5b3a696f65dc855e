/** How flags, arguments and whole command lines are spelled for a reader: in help, in errors and in hints. */
import type { Argument } from "./argument.ts";
import type { Command } from "./command.ts";
import { type Flag, flagName } from "./flag.ts";

const placeholders: Readonly<Record<Flag["kind"], string>> = {
  string: "TEXT",
  boolean: "",
  duration: "DURATION",
  list: "A,B",
  choice: "ONE",
};

/** `--set-roles`. */
export function formatFlagName(key: string): string {
  return `--${flagName(key)}`;
}

/** `--format=text|json`, `--roles=NAMES`, `--force`. */
export function formatFlag(key: string, flag: Flag): string {
  if (flag.kind === "boolean") return formatFlagName(key);
  const value =
    flag.placeholder ?? (flag.kind === "choice" ? flag.choices.join("|") : placeholders[flag.kind]);
  return `${formatFlagName(key)}=${value}`;
}

/** `<user>`, `[<user>]`, `[<path>...]`. */
export function formatArgument(key: string, argument: Argument): string {
  const name = `<${flagName(key)}>`;
  if (argument.kind === "required") return name;
  return argument.kind === "optional" ? `[${name}]` : `[${name}...]`;
}

/** `tctl users add [flags] <user>`. */
export function formatUsage(program: string, command: Command): string {
  const words = [program, ...command.path];
  if (Object.keys(command.flags).length > 0) words.push("[flags]");
  for (const [key, argument] of Object.entries(command.arguments)) {
    words.push(formatArgument(key, argument));
  }
  return words.join(" ");
}

/** A command line that a POSIX shell reads back as the same words. */
export function formatCommandLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

function quote(word: string): string {
  if (/^[\w@%+=:,./~-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** "a, b or c". */
export function formatAlternatives(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
