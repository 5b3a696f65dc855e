/**
 * The one way to a person's certificates. Until when they may be good is noted before they are made, because nobody can
 * tell it later: roles change, and what was issued stays issued. The note outlives the user, and vanishes with the last
 * certificate.
 */
import { formatKey } from "#backend/key.ts";
import type { Backend, Condition, Operation } from "#backend/port.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import {
  type IssueContext,
  issueUserCertificates,
  type RequestedKeys,
  type UserCertificates,
} from "../authority/issue.ts";
import type { Stores } from "../store/stores.ts";

/** What certifying works with. */
export interface CertifyContext extends IssueContext {
  readonly backend: Backend;
  readonly stores: Pick<Stores, "users">;
}

/** When the last certificate of a user ends. */
export interface LastEnd {
  /** Undefined when none is good. */
  readonly until: Date | undefined;
  /** Fails an atomic write when a later end was noted since. */
  readonly unchanged: Operation;
}

/**
 * Issues a person's certificates. Throws `access-denied` when the user has been deleted. Writes only when they end later
 * than all before them, which re-issued ones never do.
 */
export async function certifyUser(
  context: CertifyContext,
  identity: UserIdentity,
  keys: RequestedKeys,
): Promise<UserCertificates> {
  await noteEnd(context, identity.username, identity.expires);
  return issueUserCertificates(context, identity, keys);
}

/** Reads the note about a user, for whoever deletes the user. */
export async function findLastEnd(backend: Backend, user: string): Promise<LastEnd> {
  const { until, condition } = await readNote(backend, user);
  return { until, unchanged: { type: "check", key: noteKey(user), if: condition } };
}

async function noteEnd(
  { backend, stores, clock }: CertifyContext,
  user: string,
  end: Date,
): Promise<void> {
  if (end <= clock.now()) return;
  for (;;) {
    const { until, condition } = await readNote(backend, user);
    // Also when the user is being deleted: the lock lasts as long as this note says.
    if (until !== undefined && until >= end) return;
    try {
      await backend.atomic([
        { type: "check", key: stores.users.keyOf(user), if: "present" },
        {
          type: "put",
          key: noteKey(user),
          value: utf8(end.toISOString()),
          expires: end,
          if: condition,
        },
      ]);
      return;
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      // Another certificate was issued in between, and this ends; or there is nobody to issue any to.
      if (await stores.users.find(user)) continue;
      throw new Fault("access-denied", `user "${user}" was deleted`, { cause: error });
    }
  }
}

async function readNote(
  backend: Backend,
  user: string,
): Promise<{ readonly until: Date | undefined; readonly condition: Condition }> {
  const item = await backend.find(noteKey(user));
  if (item === undefined) return { until: undefined, condition: "absent" };
  const until = new Date(new TextDecoder().decode(item.value));
  return { until, condition: { revision: item.revision } };
}

function noteKey(user: string): string {
  return formatKey("certificate-ends", user);
}
