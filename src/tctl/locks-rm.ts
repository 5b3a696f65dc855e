/** `tctl locks rm` */
import { isInForce, replacedBy } from "#access/locks.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Lock } from "#resource/lock.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation, locksRm } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Removes locks: all that are named, or none when one of them is not there. */
export async function run(invocation: Invocation<typeof locksRm>): Promise<void> {
  const { args, console, services } = invocation;
  await withAuth(invocation, async (auth) => {
    const ids = [...new Set([args.id, ...args.more])];
    const locks: Lock[] = [];
    for (const id of ids) locks.push(await find(auth, id));
    for (const [index, lock] of locks.entries()) {
      const id = ids[index] ?? "";
      await auth.remove("lock", id);
      console.print(`Lock "${id}" removed`);
      const warning = isInForce(lock, services.clock.now()) ? warningOf(lock) : undefined;
      if (warning !== undefined) console.note(`WARNING: ${warning}`);
    }
  });
}

async function find(auth: AuthClient, id: string): Promise<Lock> {
  try {
    return await auth.get("lock", id);
  } catch (error) {
    if (!isFault(error, "not-found")) throw error;
    throw new Fault("not-found", `there is no lock "${id}"; it may have ended`, {
      hint: "see the locks: tctl locks ls --expired",
      cause: error,
    });
  }
}

/** What the removal brings back besides what somebody locked. */
function warningOf(lock: Lock): string | undefined {
  const { target, expires = "they expire" } = lock.spec;
  switch (replacedBy(lock)) {
    case "deleted user":
      return `certificates of the deleted user "${target.user}" are good again until ${expires}`;
    case "past enrollment":
      return `certificates from a past enrollment of the device are good again until ${expires}; lock the device with: tctl lock --device=${target.device?.split("/")[0]}`;
    default:
      return undefined;
  }
}
