/** proto.AuthService, roles. */

import { assertAllowed } from "#access/decision.ts";
import { mayWriteRole } from "#access/may-grant.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { RoleV6 } from "#gen/types/role_pb.ts";
import type { Identity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import type { AuthContext } from "../../context.ts";
import { loadPolicy } from "../../policy.ts";
import { type AuthCall, authorize, mayUse, requireIdentity, requireUser } from "../guard.ts";
import { pageOptions } from "../paging.ts";

/** Handlers of the role calls. */
export function roleHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { roles } = context.stores;
  const encode = (role: Role) => encodeResource("role", role);

  async function write(
    call: AuthCall,
    message: RoleV6 | undefined,
    verbs: readonly ("create" | "update")[],
    store: (role: Role) => Promise<Role>,
  ) {
    const caller = await authorize(context, call, "role", ...verbs);
    if (!message) throw new Fault("invalid", "the request carries no role");
    const stored = await roles.find(message.Metadata?.Name ?? "");
    const role = decodeResource("role", message, stored);
    await assertMayWrite(context, caller, role.metadata.name);
    await context.audit.record(stored ? "role.updated" : "role.created", {
      ...actorOf(caller),
      name: role.metadata.name,
    });
    return encode(await store(role));
  }

  return {
    async getRole({ Name }, call) {
      await authorizeRead(context, call, Name);
      return encode(await roles.get(Name));
    },

    async getRoles(_request, call) {
      await authorize(context, call, "role", "list", "read");
      return { Roles: (await roles.all()).map(encode) };
    },

    async listRoles({ Limit, StartKey }, call) {
      await authorize(context, call, "role", "list", "read");
      const page = await roles.list(pageOptions(Limit, StartKey));
      return { Roles: page.documents.map(encode), NextKey: page.next ?? "" };
    },

    async *getCurrentUserRoles(_request, call) {
      const { roles: names } = requireUser(call);
      for (const name of new Set(names)) {
        const role = await roles.find(name);
        if (role) yield encode(role);
      }
    },

    createRole: ({ Role }, call) => write(call, Role, ["create"], (role) => roles.create(role)),
    updateRole: ({ Role }, call) => write(call, Role, ["update"], (role) => roles.update(role)),
    upsertRoleV2: ({ Role }, call) =>
      write(call, Role, ["create", "update"], (role) => roles.upsert(role)),

    async deleteRole({ Name }, call) {
      const caller = await authorize(context, call, "role", "delete");
      await roles.get(Name);
      await assertUnused(context, Name);
      await context.audit.record("role.deleted", { ...actorOf(caller), name: Name });
      await roles.delete(Name);
      return {};
    },
  };
}

/** People may read the roles that they hold, whatever their rules say. */
async function authorizeRead(context: AuthContext, call: AuthCall, name: string): Promise<void> {
  const identity = requireIdentity(call);
  if (identity.kind === "user" && identity.roles.includes(name)) return;
  if (await mayUse(context, call, "role", "readnosecrets")) return;
  await authorize(context, call, "role", "read");
}

async function assertMayWrite(
  context: AuthContext,
  identity: Identity,
  name: string,
): Promise<void> {
  const { roles } = await loadPolicy(context);
  assertAllowed(mayWriteRole({ identity, roles, mode: "permissive" }, name));
}

/** A role that somebody holds may carry a deny rule: taking it away silently would grant. */
async function assertUnused(context: AuthContext, name: string): Promise<void> {
  const holders = (await context.stores.users.all())
    .filter((user) => user.spec.roles.includes(name))
    .map((user) => user.metadata.name);
  if (holders.length === 0) return;
  const shown = holders.slice(0, 5).join(", ") + (holders.length > 5 ? ", …" : "");
  throw new Fault("conflict", `role "${name}" is still held by ${shown}`, {
    hint: `give them other roles first: tctl users update ${holders[0]} --set-roles=…`,
  });
}
