/** proto.AuthService, locks. A lock is in force, everywhere, from the moment when its call is answered. */

import { isInForce } from "#access/locks.ts";
import { decodeDocument } from "#api/convert/document.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { uuid } from "#base/random.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { LockTargetSchema } from "#gen/types/lock_pb.ts";
import type { Lock } from "#resource/lock.ts";
import type { AuthContext } from "../../context.ts";
import { authorize } from "../guard.ts";

/** True when the lock names everything that the target names. A target that names nothing finds nothing. */
function strikes({ spec }: Lock, target: Readonly<Record<string, unknown>>): boolean {
  const named = Object.entries(target);
  const struck = new Map<string, unknown>(Object.entries(spec.target));
  return named.length > 0 && named.every(([field, value]) => struck.get(field) === value);
}

/** A lock that has ended stays for so long, for those who wonder what it was, before the store sweeps it away. */
const keptAfterEndMs = 24 * 60 * 60_000;

/** When the store may forget the lock: never before its end, whatever a document says. */
function sweptAfter(expires: string | undefined): { expires?: string } {
  const end = Date.parse(expires ?? "") + keptAfterEndMs;
  // Later ends cannot be written with four digits of a year.
  return end < Date.UTC(9999, 0) ? { expires: new Date(end).toISOString() } : {};
}

/** Handlers of the lock calls. */
export function lockHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { locks } = context.stores;
  const encode = (lock: Lock) => encodeResource("lock", lock);
  return {
    async getLock({ Name }, call) {
      await authorize(context, call, "lock", "read");
      return encode(await locks.get(Name));
    },

    async getLocks({ InForceOnly, Targets }, call) {
      await authorize(context, call, "lock", "list", "read");
      const now = context.clock.now();
      const wanted = Targets.map((target) => decodeDocument(LockTargetSchema, target));
      const found = (await locks.all()).filter(
        (lock) =>
          (!InForceOnly || isInForce(lock, now)) &&
          (wanted.length === 0 || wanted.some((target) => strikes(lock, target))),
      );
      return { Locks: found.map(encode) };
    },

    async upsertLock(message, call) {
      const caller = await authorize(context, call, "lock", "create", "update");
      const lock = decodeResource("lock", message);
      const name = lock.metadata.name || uuid(context.random);
      const { user } = actorOf(caller);
      const { target, message: text, expires } = lock.spec;
      const stored: Lock = {
        ...lock,
        metadata: { ...lock.metadata, name, ...sweptAfter(expires) },
        spec: { ...lock.spec, created_at: context.clock.now().toISOString(), created_by: user },
      };
      await context.audit.record("lock.created", {
        ...actorOf(caller),
        name,
        target,
        lock: { target, ...(text ? { message: text } : {}), ...(expires ? { expires } : {}) },
        updated_by: user,
        ...(expires ? { expires } : {}),
      });
      await locks.upsert(stored);
      return {};
    },

    async deleteLock({ Name }, call) {
      const caller = await authorize(context, call, "lock", "delete");
      const { spec } = await locks.get(Name);
      await context.audit.record("lock.deleted", {
        ...actorOf(caller),
        name: Name,
        target: spec.target,
      });
      await locks.delete(Name);
      return {};
    },
  };
}
