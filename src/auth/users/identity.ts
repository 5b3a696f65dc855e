/** The identity that a fresh login gets: from the user's roles and traits as they are now. */
import { allowedLogins, allowedValues } from "#access/logins.ts";
import { applyRoles, type RoleSet } from "#access/role-set.ts";
import { certificatePermissions } from "#access/ssh-permissions.ts";
import { certificateEnd } from "#access/ttl.ts";
import { parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { User } from "#resource/user.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";

/** What a login asks for. */
export interface LoginWish {
  /** Milliseconds; zero for as long as policy allows. */
  readonly ttlMs: number;
  readonly clientIp: string;
  readonly routeToCluster: string;
  readonly kubernetesCluster: string;
}

const fallbackSessionMs = 12 * 3_600_000;

/**
 * The identity for a user who has just proved who they are. Throws `access-denied` when roles are missing, `not-found`
 * for a route to a cluster that this one does not know.
 */
export async function identityOfLogin(
  context: AuthContext,
  user: User,
  wish: LoginWish,
): Promise<UserIdentity> {
  const policy = await loadPolicy(context);
  const { name } = user.metadata;
  const { roles, traits } = user.spec;
  const set = applyRoles({ username: name, roles, traits }, policy.roles);
  assertRoles(set, name);
  assertCluster(context, wish.routeToCluster);
  const now = context.clock.now();
  const preferred = policy.authPreference.spec.default_session_ttl;
  const wanted = wish.ttlMs || (preferred ? parseDuration(preferred) : 0) || fallbackSessionMs;
  const pinned = set.roles.some((role) => role.spec.options.pin_source_ip === true);
  return {
    kind: "user",
    username: name,
    cluster: context.clusterName,
    roles,
    traits,
    logins: allowedLogins(set),
    expires: certificateEnd(set, now, wanted),
    usage: [],
    routeToCluster: wish.routeToCluster || context.clusterName,
    privateKeyPolicy: "none",
    loginIp: wish.clientIp,
    ...(pinned ? { pinnedIp: wish.clientIp } : {}),
    activeRequests: [],
    disallowReissue: false,
    kubernetesUsers: allowedValues(set, "kubernetes_users"),
    kubernetesGroups: allowedValues(set, "kubernetes_groups"),
    ...(wish.kubernetesCluster ? { kubernetesCluster: wish.kubernetesCluster } : {}),
    databaseNames: allowedValues(set, "db_names"),
    databaseUsers: allowedValues(set, "db_users"),
    permit: certificatePermissions(set),
  };
}

/** There are no leaf clusters: a certificate that named another cluster would be good for nothing. */
function assertCluster({ clusterName }: AuthContext, wanted: string): void {
  if (wanted === "" || wanted === clusterName) return;
  throw new Fault("not-found", `cluster "${wanted}" is not known here`, {
    hint: "the clusters are listed by: tsh clusters",
  });
}

/** A missing role may have carried a deny rule, so nobody gets a certificate without it. */
function assertRoles(set: RoleSet, user: string): void {
  if (set.missing.length > 0) {
    throw new Fault(
      "access-denied",
      `user "${user}" has roles that do not exist: ${set.missing.join(", ")}`,
      {
        hint: `an administrator can give other roles: tctl users update ${user} --set-roles=…`,
      },
    );
  }
  if (set.roles.length === 0) {
    throw new Fault("access-denied", `user "${user}" has no roles`, {
      hint: `an administrator can give some: tctl users update ${user} --set-roles=access`,
    });
  }
}
