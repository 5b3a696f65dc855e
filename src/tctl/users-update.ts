/** `tctl users update` */
import { Fault } from "#base/fault.ts";
import type { User } from "#resource/user.ts";
import type { Invocation, usersUpdate } from "./commands.ts";
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
    const user = await auth.get("user", args.user);
    for (const role of roles) await auth.get("role", role);
    const spec: User["spec"] = {
      ...user.spec,
      traits: { ...user.spec.traits, ...traits },
      ...(roles.length > 0 && { roles: [...roles] }),
    };
    await auth.update({ ...user, spec });
  });
  console.print(`User ${args.user} has been updated:`);
  if (roles.length > 0) console.print(`\tNew roles: ${roles.join(",")}`);
  for (const [trait, values] of Object.entries(traits)) {
    console.print(`\tNew ${trait.replaceAll("_", " ")}: ${values.join(",")}`);
  }
}
