/**
 * Completion scripts for bash, zsh and fish, made from the command table. They are complete in themselves: pressing TAB
 * starts no process of ours.
 */
import type { Command } from "./command.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { zshCompletion } from "./completion-zsh.ts";
import type { Console } from "./console.ts";
import { type Flag, flagName } from "./flag.ts";
import { engineFlags } from "./parse.ts";
import type { Program } from "./program.ts";
import { findCommand, wordsBelow } from "./select.ts";

/** A word that may come next, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly summary: string;
}

/** What may follow one path of words. */
export interface CompletionNode {
  /** The words, joined by spaces; empty for the program itself. */
  readonly path: string;
  readonly words: readonly Candidate[];
  readonly flags: readonly (Candidate & { readonly flag: Flag })[];
  /** The command takes arguments, which may be files. */
  readonly takesArguments: boolean;
}

/** Every path of words of a program, groups and commands, the program itself first. */
export function completionNodes(program: Program): readonly CompletionNode[] {
  const paths = new Set<string>([""]);
  for (const command of program.commands.filter((each) => !each.hidden)) {
    for (let i = 1; i <= command.path.length; i++) paths.add(command.path.slice(0, i).join(" "));
  }
  return [...paths].map((path) => nodeOf(program, path));
}

function nodeOf(program: Program, path: string): CompletionNode {
  const words = path === "" ? [] : path.split(" ");
  const command = findCommand(program.commands, words);
  return {
    path,
    words: wordsBelow(program.commands, words).map((word) => {
      const below = [...words, word];
      const summary =
        findCommand(program.commands, below)?.summary ?? program.groups[below.join(" ")] ?? "";
      return { word, summary };
    }),
    flags: flagsOf(program, command),
    takesArguments: Object.keys(command?.arguments ?? {}).length > 0,
  };
}

function flagsOf(program: Program, command: Command | undefined): CompletionNode["flags"] {
  return Object.entries({ ...command?.flags, ...program.shared, ...engineFlags })
    .filter(([, flag]) => !flag.hidden)
    .map(([key, flag]) => ({ word: `--${flagName(key)}`, summary: flag.summary, flag }));
}

/** The module behind `completion <shell>`. */
export function printCompletion(
  program: Program,
  shell: string,
): { run(invocation: { console: Console }): Promise<void> } {
  const formats = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
  const format = formats[shell as keyof typeof formats];
  return {
    run: async ({ console }) => console.write(format(program.name, completionNodes(program))),
  };
}
