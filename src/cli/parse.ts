/**
 * Turns the words of a command line into a typed call of one command.
 *
 * Flags may stand before, between and behind arguments; those of the program also before the command's words.
 * `--` ends flags. Written by hand, not with a library: start-up time (a library costs several milliseconds of a budget
 * of fifty) and errors that print the corrected line.
 */
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import type { Command } from "./command.ts";
import { boolean, type Flag, type Flags, flagName } from "./flag.ts";
import { type FlagWords, readFlags } from "./flag-value.ts";
import type { Program } from "./program.ts";
import { findCommand, hasWord, incompleteCommand, unknownCommand } from "./select.ts";
import { formatCommandLine, formatUsage } from "./spelling.ts";

/** Flags that the engine itself takes, with every command. */
export const engineFlags = {
  help: boolean("show what the command does and takes", { short: "h" }),
  debug: boolean("show where a failure comes from", { short: "d" }),
} satisfies Flags;

/** What a command line asks for. */
export type Call =
  | { readonly kind: "help"; readonly words: readonly string[]; readonly asked: boolean }
  | {
      readonly kind: "run";
      readonly command: Command;
      /** Failures are to show where they come from. */
      readonly debug: boolean;
      readonly flags: Readonly<Record<string, unknown>>;
      readonly shared: Readonly<Record<string, unknown>>;
      readonly args: Readonly<Record<string, unknown>>;
    };

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Parses the words behind the program's name. Throws `usage`. */
export function parseCommandLine(program: Program, argv: readonly string[], env: Env): Call {
  const line = new Line(program, argv);
  const words = line.takeCommandWords();
  const command = findCommand(program.commands, words);
  if (line.wants("help")) return { kind: "help", words, asked: true };
  if (words.length === 0 && line.atEnd) return { kind: "help", words, asked: false };
  if (!command) throw incompleteCommand(program, words);
  const positional = line.takeArguments(command);
  if (line.wants("help")) return { kind: "help", words, asked: true };
  const usage = formatUsage(program.name, command);
  return {
    kind: "run",
    command,
    debug: line.wants("debug"),
    flags: readFlags(command.flags, line.given, env, command, program.name),
    shared: readFlags(program.shared, line.given, env, command, program.name),
    args: bindArguments(command, positional, usage, program.name),
  };
}

/** The command line while it is being read. */
class Line {
  readonly given: FlagWords = new Map();
  readonly #program: Program;
  readonly #argv: readonly string[];
  #at = 0;

  constructor(program: Program, argv: readonly string[]) {
    this.#program = program;
    this.#argv = argv;
  }

  get atEnd(): boolean {
    return this.#at >= this.#argv.length;
  }

  wants(key: keyof typeof engineFlags): boolean {
    return this.given.get(key)?.at(-1) === "true";
  }

  /** Reads words as long as they lead to a command; flags in between must be the program's. */
  takeCommandWords(): readonly string[] {
    const { commands } = this.#program;
    const words: string[] = [];
    while (!this.atEnd) {
      const word = this.#peek();
      if (isFlag(word)) {
        if (findCommand(commands, words) && !this.#leadsOn(words)) break;
        this.#takeFlag(undefined);
      } else if (hasWord(commands, words, word)) {
        words.push(word);
        this.#at++;
      } else if (findCommand(commands, words)) {
        break;
      } else {
        throw unknownCommand(this.#program, words, word, this.#argv);
      }
    }
    return words;
  }

  /** Reads the command's arguments and flags up to the end. */
  takeArguments(command: Command): readonly string[] {
    const kinds = Object.values(command.arguments).map((argument) => argument.kind);
    const found: string[] = [];
    while (!this.atEnd) {
      const word = this.#peek();
      if (word === "--") {
        found.push(...this.#argv.slice(this.#at + 1));
        this.#at = this.#argv.length;
      } else if (isFlag(word)) {
        this.#takeFlag(command);
      } else if (kinds[found.length] === "rest") {
        found.push(...this.#argv.slice(this.#at));
        this.#at = this.#argv.length;
      } else {
        found.push(word);
        this.#at++;
      }
    }
    return found;
  }

  /** A command that is also a group (`lock` and `lock ls`) goes on only when the next plain word says so. */
  #leadsOn(words: readonly string[]): boolean {
    const next = this.#argv.slice(this.#at).find((word) => !isFlag(word));
    return next !== undefined && hasWord(this.#program.commands, words, next);
  }

  #peek(): string {
    return this.#argv[this.#at] ?? "";
  }

  #takeFlag(command: Command | undefined): void {
    const word = this.#peek();
    if (word.startsWith("--")) this.#takeLong(word, command);
    else this.#takeShort(word, command);
  }

  #takeLong(word: string, command: Command | undefined): void {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const found = this.#find((key) => flagName(key) === name, command);
    if (found) {
      this.#record(found[0], found[1], value);
      return;
    }
    const negated = name.startsWith("no-") ? name.slice(3) : undefined;
    const switched = this.#find((key) => flagName(key) === negated, command);
    if (switched?.[1].kind !== "boolean" || value !== undefined) {
      throw this.#unknownFlag(word, name, command);
    }
    this.#record(switched[0], switched[1], "false");
  }

  /** `-x`, `-x VALUE`, `-xVALUE`, and switches together as `-xyz`. */
  #takeShort(word: string, command: Command | undefined): void {
    let letters = word.slice(1);
    while (letters.length > 0) {
      const letter = letters[0] ?? "";
      const found = this.#find((_key, flag) => flag.short === letter, command);
      if (!found) throw this.#unknownFlag(word, letter, command);
      const [key, flag] = found;
      letters = letters.slice(1);
      if (flag.kind !== "boolean") {
        this.#record(key, flag, letters === "" ? undefined : letters.replace(/^=/, ""));
        return;
      }
      this.given.set(key, [...(this.given.get(key) ?? []), "true"]);
    }
    this.#at++;
  }

  /** Notes the value of the flag at the cursor and moves behind it. */
  #record(key: string, flag: Flag, inline: string | undefined): void {
    let value = inline;
    this.#at++;
    if (value === undefined && flag.kind === "boolean") value = "true";
    if (value === undefined) {
      value = this.#argv[this.#at];
      if (value === undefined) {
        throw new Fault("usage", `flag --${flagName(key)} needs a value`, {
          hint: `write --${flagName(key)}=${flag.placeholder ?? "VALUE"}`,
        });
      }
      this.#at++;
    }
    this.given.set(key, [...(this.given.get(key) ?? []), value]);
  }

  #find(
    matches: (key: string, flag: Flag) => boolean,
    command: Command | undefined,
  ): [string, Flag] | undefined {
    const tables: Flags[] = [command?.flags ?? {}, this.#program.shared, engineFlags];
    for (const table of tables) {
      const found = Object.entries(table).find(([key, flag]) => matches(key, flag));
      if (found) return found;
    }
    return undefined;
  }

  #unknownFlag(word: string, name: string, command: Command | undefined): Fault {
    const { name: program, shared } = this.#program;
    const where = formatCommandLine([program, ...(command?.path ?? [])]);
    const known = [...Object.keys({ ...command?.flags, ...shared, ...engineFlags })].map(flagName);
    const meant = word.startsWith("--") ? nearest(name, known) : undefined;
    if (meant) {
      const corrected = this.#argv.map((other, i) =>
        i === this.#at ? other.replace(`--${name}`, `--${meant}`) : other,
      );
      return new Fault("usage", `"${where}" has no flag ${dashed(word, name)}`, {
        hint: `did you mean: ${formatCommandLine([program, ...corrected])}`,
      });
    }
    return this.#misplaced(word) ?? this.#noSuchFlag(where, dashed(word, name));
  }

  #noSuchFlag(where: string, flag: string): Fault {
    return new Fault("usage", `"${where}" has no flag ${flag}`, { hint: `see: ${where} --help` });
  }

  /** A flag of the command that stands before the command's words: the line with the flag moved to its end. */
  #misplaced(word: string): Fault | undefined {
    const { commands, name } = this.#program;
    const others = this.#argv.filter((_, i) => i !== this.#at);
    const first = others.findIndex((other) => !isFlag(other));
    if (first < this.#at) return undefined;
    const words: string[] = [];
    for (const other of others.slice(first)) {
      if (!hasWord(commands, words, other)) break;
      words.push(other);
    }
    const command = findCommand(commands, words);
    const key = word.slice(2).split("=")[0];
    if (!command || !Object.keys(command.flags).some((known) => flagName(known) === key)) {
      return undefined;
    }
    return new Fault("usage", `flag --${key} belongs behind "${name} ${words.join(" ")}"`, {
      hint: `did you mean: ${formatCommandLine([name, ...others, word])}`,
    });
  }
}

function isFlag(word: string): boolean {
  return word.length > 1 && word.startsWith("-");
}

function dashed(word: string, name: string): string {
  return word.startsWith("--") ? `--${name}` : `-${name}`;
}

function bindArguments(
  command: Command,
  found: readonly string[],
  usage: string,
  program: string,
): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  let at = 0;
  for (const [key, argument] of Object.entries(command.arguments)) {
    if (argument.kind === "many" || argument.kind === "rest") {
      bound[key] = found.slice(at);
      at = found.length;
      continue;
    }
    if (at >= found.length && argument.kind === "required") {
      throw new Fault("usage", `required argument <${flagName(key)}> not provided`, {
        hint: `usage: ${usage}`,
      });
    }
    bound[key] = found[at++];
  }
  if (at < found.length) {
    const where = formatCommandLine([program, ...command.path]);
    throw new Fault("usage", `unexpected argument "${found[at]}" for "${where}"`, {
      hint: `usage: ${usage}`,
    });
  }
  return bound;
}
