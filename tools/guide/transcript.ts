/**
 * The form of the guide's transcripts: text that reads like the guide, and that a machine can play.
 *
 *   = a heading
 *   # a sentence for the reader
 *   $ a command line, run by sh
 *   ~ what the person does in the editor that the command opens, as a sed program
 *   < what the person types at the prompt of a shell on a server
 *   a line of stdout, with the guide's own times, ids and addresses
 *   ...                      any lines
 *   ! a line of stderr
 *   [exit 1]                 only when it is not 0
 */

/** A command and what must come out of it. */
export interface Command {
  readonly kind: "command";
  readonly line: string;
  readonly edit: string | undefined;
  readonly typed: readonly string[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exit: number;
}

/** One piece of a transcript. */
export type Step =
  | Command
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "narration"; readonly text: string };

/** Reads a transcript. */
export function parseTranscript(text: string): Step[] {
  const steps: Step[] = [];
  const lines = text.split("\n");
  while (lines.length > 0) {
    const line = lines.shift() ?? "";
    if (line.startsWith("= ")) steps.push({ kind: "heading", text: line.slice(2) });
    else if (line.startsWith("# ")) steps.push({ kind: "narration", text: line.slice(2) });
    else if (line.startsWith("$ ")) steps.push(takeCommand(line.slice(2), lines));
    else if (line !== "") throw new SyntaxError(`a transcript line belongs to no command: ${line}`);
  }
  return steps;
}

/** Takes the lines of one command from the front of `lines`. */
function takeCommand(line: string, lines: string[]): Command {
  const command = {
    ...{ kind: "command" as const, line, edit: undefined as string | undefined, exit: 0 },
    ...{ typed: [] as string[], stdout: [] as string[], stderr: [] as string[] },
  };
  while (lines.length > 0 && !/^[=#$] /.test(lines[0] ?? "")) {
    const next = lines.shift() ?? "";
    const exit = /^\[exit (\d+)\]$/.exec(next)?.[1];
    if (exit !== undefined) command.exit = Number(exit);
    else if (next.startsWith("~ ")) command.edit = next.slice(2);
    else if (next.startsWith("< ")) command.typed.push(next.slice(2));
    else if (next.startsWith("!")) command.stderr.push(next.slice(2));
    else command.stdout.push(next);
  }
  return command;
}
