/**
 * Certificates outlive the user that they name. With the user's deletion a lock takes its place until the last of them
 * has expired: every service follows locks already, and ends what is open.
 */
import { createHash } from "node:crypto";
import { deletedUserPrefix, isInForce } from "#access/locks.ts";
import type { Operation } from "#backend/port.ts";
import { hex } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Lock } from "#resource/lock.ts";
import type { AuthContext } from "../context.ts";
import { encode } from "../store/documents.ts";
import { findLastEnd } from "./certify.ts";

/**
 * Deletes the user with all that they could log in with, and locks the name for as long as a certificate of it may be
 * good, in one write. `by` is who deletes. Throws `not-found` when somebody else was faster.
 */
export async function deleteUser(
  context: Pick<AuthContext, "backend" | "stores" | "clock" | "credentials" | "invitations">,
  name: string,
  by: string,
): Promise<void> {
  const { users, locks } = context.stores;
  for (;;) {
    await users.get(name);
    const { until, unchanged } = await findLastEnd(context.backend, name);
    const operations: Operation[] = [
      { type: "delete", key: users.keyOf(name), if: "present" },
      ...(await context.credentials.deleteOperations(name)),
      ...context.invitations.deleteOperations(name),
      unchanged,
    ];
    if (until !== undefined) {
      const lock = deletionLock(name, by, context.clock.now(), until);
      const { bytes, options } = encode(lock);
      operations.push({
        type: "put",
        key: locks.keyOf(lock.metadata.name),
        value: bytes,
        ...options,
      });
    }
    try {
      await context.backend.atomic(operations);
      return;
    } catch (error) {
      // A certificate was issued in between; whoever issues one has no user to issue it to after this.
      if (!isFault(error, "conflict")) throw error;
    }
  }
}

/**
 * Throws `conflict` while certificates of a deleted user of this name may be left: a new user would make them good again,
 * with all that they say. An administrator who accepts that removes the lock first.
 */
export async function assertNameFree(
  { stores, clock }: Pick<AuthContext, "stores" | "clock">,
  name: string,
): Promise<void> {
  const lock = await stores.locks.find(lockName(name));
  if (!lock || !isInForce(lock, clock.now())) return;
  const until = lock.spec.expires ?? "they are gone";
  throw new Fault(
    "conflict",
    `certificates of a deleted user "${name}" may be good until ${until}`,
    {
      hint: `choose another name; or, if the person is the same: tctl locks rm ${lockName(name)}`,
    },
  );
}

function deletionLock(user: string, by: string, now: Date, until: Date): Lock {
  // What ends within this second must still be writable.
  const expires = new Date(Math.max(until.getTime(), now.getTime() + 1000)).toISOString();
  return {
    kind: "lock",
    version: "v2",
    metadata: { name: lockName(user), expires },
    spec: {
      target: { user },
      message: "the user was deleted",
      expires,
      created_at: now.toISOString(),
      created_by: by,
    },
  };
}

/** Names of users may hold what names of resources may not. */
function lockName(user: string): string {
  return `${deletedUserPrefix}${hex(createHash("sha256").update(user).digest()).slice(0, 32)}`;
}
