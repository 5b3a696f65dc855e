/** proto.AuthService, locks. A lock is in force, everywhere, from the moment when its call is answered. */

import { isInForce } from "#access/locks.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { uuid } from "#base/random.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { Lock } from "#resource/lock.ts";
import type { AuthContext } from "../../context.ts";
import { authorize } from "../guard.ts";

/** Handlers of the lock calls. */
export function lockHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { locks } = context.stores;
  const encode = (lock: Lock) => encodeResource("lock", lock);
  return {
    async getLock({ Name }, call) {
      await authorize(context, call, "lock", "read");
      return encode(await locks.get(Name));
    },

    async getLocks({ InForceOnly }, call) {
      await authorize(context, call, "lock", "list", "read");
      const now = context.clock.now();
      const found = (await locks.all()).filter((lock) => !InForceOnly || isInForce(lock, now));
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
        metadata: { ...lock.metadata, name },
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
