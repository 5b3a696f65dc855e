/** Help texts: one screen each, with an example that works. Made from the same table as parsing. */
import { formatDuration } from "#base/duration.ts";
import type { Command } from "./command.ts";
import type { Console } from "./console.ts";
import type { Flag, Flags } from "./flag.ts";
import { engineFlags } from "./parse.ts";
import type { Program } from "./program.ts";
import { commandsBelow, findCommand, hasWord, unknownCommand, wordsBelow } from "./select.ts";
import { formatArgument, formatFlag, formatUsage } from "./spelling.ts";

/** Help for a command, a group of commands, or (no words) the program. */
export function formatHelp(program: Program, words: readonly string[]): string {
  const command = findCommand(program.commands, words);
  return command ? helpOfCommand(program, command) : helpOfGroup(program, words);
}

function helpOfCommand(program: Program, command: Command): string {
  const parts = [`Usage: ${formatUsage(program.name, command)}`, "", sentence(command.summary)];
  const below = wordsBelow(program.commands, command.path);
  if (below.length > 0) {
    parts.push("", "Commands:", ...rows(commandRows(program, command.path)));
  }
  const args = Object.entries(command.arguments).map(
    ([key, argument]): Row => [formatArgument(key, argument), argument.summary],
  );
  if (args.length > 0) parts.push("", "Arguments:", ...rows(args));
  const flags = flagRows(command.flags);
  if (flags.length > 0) parts.push("", "Flags:", ...rows(flags));
  const shared = flagRows({ ...program.shared, ...engineFlags });
  parts.push("", `Flags of every ${program.name} command:`, ...rows(shared));
  parts.push("", "Example:", `  ${command.example}`);
  return `${parts.join("\n")}\n`;
}

function helpOfGroup(program: Program, words: readonly string[]): string {
  const group = words[0] === undefined ? program.summary : program.groups[words.join(" ")];
  const listed = commandsBelow(program.commands, words).filter((command) => !command.hidden);
  const parts = [
    `Usage: ${[program.name, ...words].join(" ")} <command> [flags]`,
    "",
    sentence(group ?? ""),
    "",
    "Commands:",
    ...rows(commandRows(program, words)),
  ];
  if (words.length === 0) {
    parts.push(
      "",
      "Flags of every command:",
      ...rows(flagRows({ ...program.shared, ...engineFlags })),
    );
  }
  const example = listed[0]?.example;
  if (example !== undefined) parts.push("", "Example:", `  ${example}`);
  parts.push("", `More: ${[program.name, ...words].join(" ")} <command> --help`);
  return `${parts.join("\n")}\n`;
}

type Row = readonly [string, string];

/** One row per next word: a command with its summary, or a group with its words. */
function commandRows(program: Program, words: readonly string[]): readonly Row[] {
  return wordsBelow(program.commands, words).map((word): Row => {
    const path = [...words, word];
    const command = findCommand(program.commands, path);
    const below = wordsBelow(program.commands, path);
    if (command && below.length === 0) return [word, command.summary];
    const summary = command?.summary ?? program.groups[path.join(" ")] ?? "";
    return [word, `${summary} (${below.join(", ")})`];
  });
}

function flagRows(flags: Flags): readonly Row[] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([key, flag]): Row => {
      const short = flag.short === undefined ? "    " : `-${flag.short}, `;
      const notes = [
        flag.required ? "required" : "",
        formatDefault(flag),
        flag.env === undefined ? "" : `or $${flag.env}`,
      ].filter((note) => note !== "");
      const behind = notes.length === 0 ? "" : ` (${notes.join(", ")})`;
      return [`${short}${formatFlag(key, flag)}`, `${flag.summary}${behind}`];
    });
}

function formatDefault(flag: Flag): string {
  const value = "default" in flag ? flag.default : undefined;
  if (value === undefined) return "";
  return `default ${typeof value === "number" ? formatDuration(value) : String(value)}`;
}

/** Two columns; the second starts in a new line when the first is long. */
function rows(pairs: readonly Row[]): readonly string[] {
  const width = Math.min(28, Math.max(...pairs.map(([left]) => left.length)));
  return pairs.flatMap(([left, right]) =>
    left.length <= width
      ? [`  ${left.padEnd(width)}  ${right}`.trimEnd()]
      : [`  ${left}`, `  ${" ".repeat(width)}  ${right}`],
  );
}

function sentence(summary: string): string {
  return summary === "" ? "" : `${summary[0]?.toUpperCase()}${summary.slice(1)}.`;
}

/** The `help` command: `help users add` is `users add --help`. */
export function printHelp(program: Program): {
  run(invocation: { console: Console; args: { command: readonly string[] } }): Promise<void>;
} {
  return {
    run: async ({ console, args }) => {
      const words: string[] = [];
      for (const word of args.command) {
        if (!hasWord(program.commands, words, word)) {
          throw unknownCommand(program, words, word, args.command);
        }
        words.push(word);
      }
      console.write(formatHelp(program, words));
    },
  };
}
