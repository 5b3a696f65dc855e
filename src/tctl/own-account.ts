/** People who are about to delete the user that they act as. */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import type { AuthClient } from "./auth-client.ts";

/** Asks before the caller's own user is deleted, and warns where nobody can be asked. Throws `canceled` for a no. */
export async function confirmOwnRemoval(
  { caller }: AuthClient,
  user: string,
  console: Console,
): Promise<void> {
  if (user !== caller) return;
  const consequence = "this login ends, and somebody else must let you in again";
  if (!console.interactive) {
    console.note(`WARNING: "${user}" is you: ${consequence}`);
    return;
  }
  if (await console.prompt.confirm(`"${user}" is you: ${consequence}. Delete it?`)) return;
  throw new Fault("canceled", `user "${user}" was not deleted`);
}
