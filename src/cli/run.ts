/**
 * Runs a program: parses, imports the command, calls it, and turns how it ended into texts and an exit code. The only
 * place that prints errors. It touches no `process`; `main.ts` does.
 */
import { Fault, faultInfo, isFault, messageOf } from "#base/fault.ts";
import { showable } from "#base/showable.ts";
import { withBuiltins } from "./builtin.ts";
import type { CommandModule } from "./command.ts";
import type { Console } from "./console.ts";
import { parseCommandLine } from "./parse.ts";
import type { Program } from "./program.ts";
import { Interruption } from "./prompt.ts";

/** Exit code of a program that Ctrl-C ended, as shells count it: 128 + SIGINT. */
export const interruptedExit = 130;

/** Runs the words behind the program's name and returns the exit code. Never throws. */
export async function runProgram<Shared extends Program["shared"], Services>(
  program: Program<Shared, Services>,
  argv: readonly string[],
  console: Console,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  let debug = false;
  try {
    const whole = withBuiltins(program);
    const call = parseCommandLine(whole, argv, console.env);
    if (call.kind === "help") {
      const { formatHelp } = await import("./help.ts");
      const text = formatHelp(whole, call.words);
      if (call.asked) console.write(text);
      else console.note(text.trimEnd());
      return call.asked ? 0 : faultInfo("usage").exit;
    }
    debug = call.debug;
    const module = (await call.command.run()) as CommandModule<never, never, never>;
    const { flags, args, shared } = call;
    const services = whole.services();
    const invocation = { flags, args, shared, console, services, debug, signal };
    return (await module.run(invocation as never)) ?? 0;
  } catch (error) {
    if (signal.aborted || error instanceof Interruption) return interruptedExit;
    return reportFailure(error, console, debug);
  }
}

/** Prints a failure as every command does, and returns its exit code. */
export function reportFailure(error: unknown, console: Console, debug: boolean): number {
  if (!isFault(error)) return reportBug(error, console, debug);
  console.note(`ERROR: ${showable(error.message)}`);
  console.note("");
  for (const line of error.hint?.split("\n") ?? []) console.note(`hint: ${showable(line)}`);
  if (debug) console.note(traceOf(error));
  return faultInfo(error.code).exit;
}

function reportBug(error: unknown, console: Console, debug: boolean): number {
  const hint = "this is a fault of the program: run the command again with --debug and report it";
  const bug = new Fault("internal", `internal error: ${messageOf(error)}`, { hint, cause: error });
  return reportFailure(bug, console, debug);
}

/** The stacks of an error and of everything underneath it. */
function traceOf(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error && parts.length < 8; at = at.cause) {
    parts.push(at.stack ?? at.message);
  }
  return parts.join("\ncaused by: ");
}
