/**
 * Certificates outlive the user that they name. With the user's deletion a lock takes its place until the last of them
 * has expired: every service follows locks already, and ends what is open.
 */
import { createHash } from "node:crypto";
import { isInForce } from "#access/locks.ts";
import { maxTtlMs } from "#access/ttl.ts";
import type { Operation } from "#backend/port.ts";
import { hex } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Lock } from "#resource/lock.ts";
import type { Role } from "#resource/role.ts";
import type { AuthContext } from "../context.ts";
import { encode } from "../store/documents.ts";

/**
 * Deletes the user with all that they could log in with, and locks the name, in one write; their open links go first, or
 * they would be good for the next user of the name. Whoever never had a password never had a certificate: such a name
 * needs no lock. `by` is who deletes.
 */
export async function deleteUser(
  context: Pick<AuthContext, "backend" | "stores" | "clock" | "credentials" | "invitations">,
  name: string,
  by: string,
): Promise<void> {
  const { users, locks, roles } = context.stores;
  await context.invitations.deleteOf(name);
  const operations: Operation[] = [
    { type: "delete", key: users.keyOf(name) },
    ...(await context.credentials.deleteOperations(name)),
  ];
  const { passwordHash } = await context.credentials.get(name);
  if (passwordHash !== undefined) {
    const lock = deletionLock(name, by, context.clock.now(), await roles.all());
    const { bytes, options } = encode(lock);
    const key = locks.keyOf(lock.metadata.name);
    operations.push({ type: "put", key, value: bytes, ...options });
  }
  await context.backend.atomic(operations);
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
      hint: `choose another name; or, if the person is the same: tctl rm lock/${lockName(name)}`,
    },
  );
}

/** In force for as long as any role lets a certificate live: which ones the user once had, nobody knows. */
function deletionLock(user: string, by: string, now: Date, roles: readonly Role[]): Lock {
  const longest = Math.max(0, ...roles.map((role) => maxTtlMs({ roles: [role] })));
  const expires = new Date(now.getTime() + longest).toISOString();
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
  return `deleted-user-${hex(createHash("sha256").update(user).digest()).slice(0, 32)}`;
}
