/** An account that an administrator has closed: `spec.status.is_locked` of the user. Locks (`#access/locks.ts`) are another thing. */
import { Fault } from "#base/fault.ts";
import type { User } from "#resource/user.ts";

/** Why nothing is issued to the user; undefined for an account that is open. */
export function lockedUserFault({ metadata: { name }, spec }: User): Fault | undefined {
  if (!spec.status.is_locked) return undefined;
  return new Fault("locked", `user "${name}" is locked`, {
    hint: `ask an administrator to unlock the user: tctl edit user/${name}, status.is_locked: false`,
    audit: { check: "user-locked", rule: "status.is_locked" },
  });
}
