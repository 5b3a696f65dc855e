/** `tctl users update` */
import { setTimeout as wait } from "node:timers/promises";
import { Fault, isFault } from "#base/fault.ts";
import type { User } from "#resource/user.ts";
import type { Invocation, usersUpdate } from "./commands.ts";
import { explainMissing, requireRoles } from "./missing.ts";
import { withAuth } from "./services.ts";
import { replacedTraits } from "./user-traits.ts";

/** Replaces what the flags name and leaves the rest. */
export async function run(invocation: Invocation<typeof usersUpdate>): Promise<void> {
  const { args, flags, console } = invocation;
  const traits = replacedTraits(flags);
  const roles = flags.setRoles;
  if (roles.length === 0 && Object.keys(traits).length === 0) {
    throw new Fault("usage", "nothing to change", {
      hint: `for example: tctl users update ${args.user} --set-roles=access,editor`,
    });
  }
  await withAuth(invocation, async (auth) => {
    await requireRoles(auth, roles);
    await retryConflicts(async () => {
      const user = await auth
        .get("user", args.user)
        .catch((error: unknown) => explainMissing("user", error));
      const spec: User["spec"] = {
        ...user.spec,
        traits: { ...user.spec.traits, ...traits },
        ...(roles.length > 0 && { roles: [...roles] }),
      };
      await auth.update({ ...user, spec });
    });
  });
  console.print(`User ${args.user} has been updated:`);
  if (roles.length > 0) console.print(`\tNew roles: ${roles.join(",")}`);
  for (const [trait, values] of Object.entries(traits)) {
    console.print(`\tNew ${trait.replaceAll("_", " ")}: ${values.join(",")}`);
  }
}

/** Servers of another make answer reads from a cache that follows the writes after up to a second. */
const attempts = 10;
const pauseMs = 200;

/** Reads, changes and writes again while somebody else's write comes between: the flags say what to change either way. */
async function retryConflicts(update: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await update();
      return;
    } catch (error) {
      if (!isFault(error, "conflict") || attempt === attempts) throw error;
      await wait(pauseMs);
    }
  }
}
