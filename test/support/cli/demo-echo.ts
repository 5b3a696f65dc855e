/** Prints what a command of the demo program received. */
import type { Console } from "#cli/console.ts";

/** What every command has in common. */
interface Received {
  readonly console: Console;
  readonly args: object;
  readonly flags: object;
  readonly shared: object;
}

/** Prints arguments, flags and shared flags as one line of JSON. */
export async function run({ console, args, flags, shared }: Received): Promise<void> {
  console.print(JSON.stringify({ ...args, ...flags, ...shared }));
}
