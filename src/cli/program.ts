/** A program is a name, its commands and the flags that all of them share. The type checks that each module fits. */
import type { Command, CommandModule } from "./command.ts";
import type { Flags } from "./flag.ts";

/** What a program says about itself. */
export interface Program<Shared extends Flags = Flags, Services = unknown> {
  /** The word that is typed: "tctl". */
  readonly name: string;
  readonly summary: string;
  /** The line that the `version` command prints. */
  readonly version: string;
  /** One line per group of commands, by its word: `{ users: "manage users" }`. */
  readonly groups: Readonly<Record<string, string>>;
  /** Accepted by every command, before or behind its words. */
  readonly shared: Shared;
  readonly commands: readonly Command[];
  /** What every invocation receives as `services`. Keep it cheap to make: functions that import when called. */
  readonly services: () => Services;
}

/** Each command of the tuple with the module type that it must import. */
type Fitting<C extends readonly Command[], Shared extends Flags, Services> = {
  readonly [K in keyof C]: C[K] & { run: () => Promise<CommandModule<C[K], Shared, Services>> };
};

/** Makes a program; refuses at compile time a command whose module does not take its flags and arguments. */
export function defineProgram<
  const C extends readonly Command[],
  Shared extends Flags,
  Services = undefined,
>(
  program: Omit<Program<Shared, Services>, "commands"> & {
    readonly commands: C & Fitting<C, Shared, Services>;
  },
): Program<Shared, Services> {
  return program;
}
