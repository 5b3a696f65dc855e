/** `tctl users rm` */
import type { Invocation, usersRm } from "./commands.ts";
import { explainMissing } from "./missing.ts";
import { confirmOwnRemoval } from "./own-account.ts";
import { withAuth } from "./services.ts";

/** Deletes each user named. */
export async function run(invocation: Invocation<typeof usersRm>): Promise<void> {
  const { args, console } = invocation;
  const names = args.users.split(",").filter((name) => name !== "");
  await withAuth(invocation, async (auth) => {
    for (const name of names) {
      await confirmOwnRemoval(auth, name, console);
      await auth.remove("user", name).catch((error: unknown) => explainMissing("user", error));
      console.print(`User "${name}" has been deleted`);
    }
  });
}
