/** Finds the command that a line of words selects, and says what was meant when there is none. */
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import type { Command } from "./command.ts";
import type { Program } from "./program.ts";
import { formatAlternatives, formatCommandLine } from "./spelling.ts";

/** The commands below a group of words; all of them for none. */
export function commandsBelow(
  commands: readonly Command[],
  words: readonly string[],
): readonly Command[] {
  return commands.filter((command) => words.every((word, i) => command.path[i] === word));
}

/** The words that may follow `words`, in order of definition, hidden commands left out. */
export function wordsBelow(
  commands: readonly Command[],
  words: readonly string[],
): readonly string[] {
  const next = commandsBelow(commands, words)
    .filter((command) => !command.hidden)
    .flatMap((command) => command.path[words.length] ?? []);
  return [...new Set(next)];
}

/** True when `words` followed by `word` begins the path of a command. */
export function hasWord(
  commands: readonly Command[],
  words: readonly string[],
  word: string,
): boolean {
  return commandsBelow(commands, [...words, word]).length > 0;
}

/** The command whose path is exactly `words`. */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): Command | undefined {
  return commandsBelow(commands, words).find((command) => command.path.length === words.length);
}

/** The usage fault for a word that selects nothing, with the whole line corrected when the word is close to one. */
export function unknownCommand(
  program: Program,
  words: readonly string[],
  word: string,
  argv: readonly string[],
): Fault {
  const valid = wordsBelow(program.commands, words);
  const meant = nearest(word, valid);
  const group = formatCommandLine([program.name, ...words]);
  const corrected = argv.map((other) => (other === word && meant ? meant : other));
  return new Fault("usage", `"${group}" has no command "${word}"`, {
    hint: meant
      ? `did you mean: ${formatCommandLine([program.name, ...corrected])}`
      : `see: ${group} --help`,
  });
}

/** The usage fault for a line that stops at a group. */
export function incompleteCommand(program: Program, words: readonly string[]): Fault {
  const group = formatCommandLine([program.name, ...words]);
  const valid = wordsBelow(program.commands, words);
  return new Fault("usage", `"${group}" needs one more word: ${formatAlternatives(valid)}`, {
    hint: `see: ${group} --help`,
  });
}
