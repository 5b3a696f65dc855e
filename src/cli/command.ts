/**
 * A command is a value: its words, texts, arguments and flags, and where its implementation is found. Parsing, help
 * and completion read the same value; the implementation is imported when the command runs and not before.
 */
import type { Arguments, ArgumentValues } from "./argument.ts";
import type { Console } from "./console.ts";
import type { Flags, FlagValues } from "./flag.ts";

/** What a command says about itself. */
export interface CommandSpec<F extends Flags, A extends Arguments, M> {
  /** The words that select it: `["users", "add"]`. */
  readonly path: readonly [string, ...string[]];
  /** One line, lower case, without a full stop. */
  readonly summary: string;
  /** A command line that works, as it is typed. */
  readonly example: string;
  readonly arguments?: A;
  readonly flags?: F;
  /** Accepted, but not listed. */
  readonly hidden?: boolean;
  /** Imports the module whose `run` does the work. */
  readonly run: () => Promise<M>;
}

/** A command with its types. `M` is the type of the implementing module. */
export interface Command<F extends Flags = Flags, A extends Arguments = Arguments, M = unknown> {
  readonly path: readonly [string, ...string[]];
  readonly summary: string;
  readonly example: string;
  readonly arguments: A;
  readonly flags: F;
  readonly hidden: boolean;
  readonly run: () => Promise<M>;
}

/** What an implementation receives. */
export interface Invocation<
  C extends Command,
  Shared extends Flags = Record<never, never>,
  Services = unknown,
> {
  readonly flags: FlagValues<C["flags"]>;
  readonly args: ArgumentValues<C["arguments"]>;
  /** The flags that every command of the program takes. */
  readonly shared: FlagValues<Shared>;
  readonly console: Console;
  /** What the program gives its commands to work with; tests give fakes. */
  readonly services: Services;
  /** The person asked for `--debug`. */
  readonly debug: boolean;
  /** Aborted when the person presses Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How a command ended: nothing for success, or its exit code. */
export type Outcome = Promise<number | undefined> | Promise<void>;

/** The module behind a command: `export async function run(invocation: Invocation<typeof usersAdd>)`. */
export interface CommandModule<C extends Command, Shared extends Flags, Services> {
  run(invocation: Invocation<C, Shared, Services>): Outcome;
}

/** Makes a command of its description. */
export function defineCommand<
  const F extends Flags = Record<never, never>,
  const A extends Arguments = Record<never, never>,
  M = unknown,
>(spec: CommandSpec<F, A, M>): Command<F, A, M> {
  return {
    ...spec,
    arguments: spec.arguments ?? ({} as A),
    flags: spec.flags ?? ({} as F),
    hidden: spec.hidden ?? false,
  };
}
