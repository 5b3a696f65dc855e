/** teleport.users.v1.UsersService. Credentials are no part of a user and never leave auth. */
import { assertAllowed } from "#access/decision.ts";
import { mayChangeUser } from "#access/may-grant.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import type { UserV2 } from "#gen/types/user_pb.ts";
import type { Identity } from "#identity/identity.ts";
import type { User } from "#resource/user.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";
import { assertNameFree, deleteUser } from "../users/deletion.ts";
import { type AuthCall, authorize, requireUser } from "./guard.ts";
import { pageOptions } from "./paging.ts";

/** The handlers of UsersService. */
export function usersService(context: AuthContext): ServiceHandlers<typeof UsersService, Peer> {
  const { users } = context.stores;
  const encode = async (user: User) =>
    encodeResource("user", await withPasswordState(context, user));

  async function write(
    call: AuthCall,
    message: UserV2 | undefined,
    verbs: readonly ("create" | "update")[],
    store: (user: User) => Promise<User>,
  ) {
    const caller = await authorize(context, call, "user", ...verbs);
    if (!message) throw new Fault("invalid", "the request carries no user");
    const given = decodeResource("user", message);
    const { name } = given.metadata;
    const before = await users.find(name);
    await assertMayChange(context, caller, before, given);
    await assertRolesExist(context, given);
    const user = before ? keepOrigin(given, before) : withOrigin(context, given, caller);
    if (!before) await assertNameFree(context, name);
    await context.audit.record(before ? "user.update" : "user.create", {
      ...actorOf(caller),
      name,
      roles: user.spec.roles,
      connector: "local",
      "addr.remote": call.peer.address,
    });
    return { user: await encode(await store(user)) };
  }

  return {
    async getUser({ name, currentUser, withSecrets }, call) {
      refuseSecrets(withSecrets);
      const wanted = currentUser ? requireUser(call).username : name;
      const { identity } = call.peer;
      const own = identity?.kind === "user" && identity.username === wanted;
      if (!own) await authorize(context, call, "user", "read");
      return { user: await encode(await users.get(wanted)) };
    },

    async listUsers({ pageSize, pageToken, withSecrets }, call) {
      refuseSecrets(withSecrets);
      await authorize(context, call, "user", "list", "read");
      const page = await users.list(pageOptions(pageSize, pageToken));
      return {
        users: await Promise.all(page.documents.map(encode)),
        nextPageToken: page.next ?? "",
      };
    },

    createUser: ({ user }, call) => write(call, user, ["create"], (given) => users.create(given)),
    updateUser: ({ user }, call) => write(call, user, ["update"], (given) => users.update(given)),
    upsertUser: ({ user }, call) =>
      write(call, user, ["create", "update"], (given) => users.upsert(given)),

    async deleteUser({ name }, call) {
      const caller = await authorize(context, call, "user", "delete");
      await users.get(name);
      await context.audit.record("user.delete", {
        ...actorOf(caller),
        name,
        "addr.remote": call.peer.address,
      });
      await deleteUser(context, name, actorOf(caller).user);
      return {};
    },
  };
}

function refuseSecrets(wanted: boolean): void {
  if (wanted) throw new Fault("access-denied", "the secrets of users never leave auth");
}

/** 2 when the user has a password, 1 when not: what listings of the public API show. */
async function withPasswordState(context: AuthContext, user: User): Promise<User> {
  const { passwordHash } = await context.credentials.get(user.metadata.name);
  return { ...user, status: { ...user.status, password_state: passwordHash ? 2 : 1 } };
}

function withOrigin(context: AuthContext, user: User, caller: Identity): User {
  const { user: name } = actorOf(caller);
  const time = context.clock.now().toISOString();
  const created = { ...user.spec.created_by, time, user: { name } };
  return { ...user, spec: { ...user.spec, created_by: created } };
}

/** Who created a user, and when, is no business of later writers. */
function keepOrigin(user: User, before: User): User {
  return { ...user, spec: { ...user.spec, created_by: before.spec.created_by } };
}

async function assertRolesExist(context: AuthContext, user: User): Promise<void> {
  for (const role of user.spec.roles) await context.stores.roles.get(role);
}

async function assertMayChange(
  context: AuthContext,
  identity: Identity,
  before: User | undefined,
  after: User,
): Promise<void> {
  const { roles } = await loadPolicy(context);
  const holdings = (user: User | undefined) => ({
    roles: user?.spec.roles ?? [],
    traits: user?.spec.traits ?? {},
  });
  const granter = { identity, roles, mode: "permissive" } as const;
  assertAllowed(mayChangeUser(granter, holdings(before), holdings(after)));
}
