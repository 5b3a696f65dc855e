/**
 * Whom a person may be inside a Kubernetes cluster: the users and groups that the roles list which match the cluster,
 * without what any role denies, and the choice among them. A person's own wish is held against the lists.
 */
import { Fault } from "#base/fault.ts";
import type { Role } from "#resource/role.ts";
import { allowedValues } from "./logins.ts";
import type { RoleSet } from "./role-set.ts";

/** What a request says in its own impersonation headers; empty parts ask for nothing. */
export interface PrincipalWish {
  readonly user: string | undefined;
  readonly groups: readonly string[];
}

/** Who a request is inside the cluster. */
export interface KubernetesPrincipal {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Users and groups that a person may be. */
export interface AllowedPrincipals {
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/** The lists of the roles that match the cluster, without what any role of the person denies. */
export function allowedPrincipals(roleSet: RoleSet, matching: readonly Role[]): AllowedPrincipals {
  const of = (field: "kubernetes_users" | "kubernetes_groups") => {
    const anywhere = new Set(allowedValues(roleSet, field));
    return allowedValues({ ...roleSet, roles: matching }, field).filter((v) => anywhere.has(v));
  };
  return { users: of("kubernetes_users"), groups: of("kubernetes_groups") };
}

/**
 * The principal of a request. Without a wish: the one user of the list, or the person's own name when the list is
 * empty, with every group. With one: exactly that, when the lists have it; `*` is no wildcard here. Throws
 * `access-denied`.
 */
export function choosePrincipal(
  username: string,
  { users, groups }: AllowedPrincipals,
  wish: PrincipalWish,
): KubernetesPrincipal {
  if (users.length === 0 && groups.length === 0) {
    throw denied("no role lists Kubernetes users or groups for this cluster", {
      rule: "allow.kubernetes_groups",
      hint: "ask an administrator for a role with kubernetes_groups or kubernetes_users",
    });
  }
  return { user: chooseUser(username, users, wish.user), groups: chooseGroups(groups, wish) };
}

function chooseUser(username: string, users: readonly string[], wish: string | undefined): string {
  if (wish !== undefined) {
    // Who lists no users is known by the person's own name, and may say so.
    if (users.includes(wish) || (users.length === 0 && wish === username)) return wish;
    throw denied(`no role allows to act as the Kubernetes user "${wish}"`, {
      rule: "allow.kubernetes_users",
      hint: `allowed users: ${users.join(", ") || username}`,
    });
  }
  if (users.length > 1) {
    throw denied("several Kubernetes users are allowed, and none was chosen", {
      rule: "allow.kubernetes_users",
      hint: `choose one with kubectl --as=${users[0]} (allowed: ${users.join(", ")})`,
    });
  }
  return users[0] ?? username;
}

function chooseGroups(groups: readonly string[], wish: PrincipalWish): readonly string[] {
  if (wish.groups.length === 0) return groups;
  const wrong = wish.groups.find((group) => !groups.includes(group));
  if (wrong === undefined) return [...new Set(wish.groups)];
  throw denied(`no role allows to act in the Kubernetes group "${wrong}"`, {
    rule: "allow.kubernetes_groups",
    hint: `allowed groups: ${groups.join(", ") || "none"}`,
  });
}

function denied(message: string, about: { rule: string; hint: string }): Fault {
  const { rule, hint } = about;
  return new Fault("access-denied", message, { hint, audit: { check: "allow-rules", rule } });
}
