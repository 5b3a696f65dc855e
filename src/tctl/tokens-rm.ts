/** `tctl tokens rm` */
import { Fault, isFault } from "#base/fault.ts";
import type { Invocation, tokensRm } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Deletes one token. */
export async function run(invocation: Invocation<typeof tokensRm>): Promise<void> {
  const { args, console } = invocation;
  await withAuth(invocation, async (auth) => {
    try {
      await auth.remove("token", args.token);
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
      throw new Fault("not-found", "there is no such token; it may have expired", {
        hint: "see the tokens: tctl tokens ls",
        cause: error,
      });
    }
  });
  console.print(`Token ${args.token} has been deleted`);
}
