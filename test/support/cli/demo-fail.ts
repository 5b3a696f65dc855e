/** Ends in each way that a command can end. */
import { setTimeout } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";

interface Received {
  readonly console: Console;
  readonly args: { readonly how: string | undefined };
  readonly signal: AbortSignal;
}

/** Fails as asked. */
export async function run({ console, args, signal }: Received): Promise<number | undefined> {
  if (args.how === "fault") {
    throw new Fault("not-found", "role nope is not found", {
      hint: "see the roles: demo roles ls\nor create it: demo roles add nope",
      cause: new Fault("unavailable", "the store said no"),
    });
  }
  if (args.how === "escape") {
    throw new Fault("unavailable", "a peer said \u001b[2J\u009b1m\u0007 and\n\tmore");
  }
  if (args.how === "bug") JSON.parse("{");
  if (args.how === "code") return 7;
  if (args.how === "pipe") for (let i = 0; i < 100_000; i++) console.print("a line");
  if (args.how === "wait") {
    console.print("waiting");
    await setTimeout(60_000, undefined, { signal });
  }
  return undefined;
}
