/**
 * The roles of one user, applied to the user's traits. A role that the certificate names and nobody knows is kept in
 * `missing`: it may have carried a deny rule, so a decision with a missing role is a refusal.
 */

import type { ExpressionUser } from "#expression/scopes.ts";
import { expandTemplates } from "#expression/template.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import type { RoleConditions } from "#resource/role-conditions.ts";

/** One side of a role. */
export type Side = "allow" | "deny";

/** Lists of a role that templates may fill. */
export type ListField =
  | "logins"
  | "db_names"
  | "db_roles"
  | "db_users"
  | "kubernetes_groups"
  | "kubernetes_users";

/** The roles that a user holds. */
export interface RoleSet {
  readonly user: ExpressionUser;
  readonly roles: readonly Role[];
  /** Names that the user holds and that are no roles of this cluster. */
  readonly missing: readonly string[];
}

/** The roles that the identity names, in its order, each once. */
export function applyRoles(
  identity: Pick<UserIdentity, "username" | "roles" | "traits">,
  known: ReadonlyMap<string, Role>,
): RoleSet {
  const names = [...new Set(identity.roles)];
  const roles = names.map((name) => known.get(name)).filter((role) => role !== undefined);
  return {
    user: { name: identity.username, roles: identity.roles, traits: identity.traits },
    roles,
    missing: names.filter((name) => !known.has(name)),
  };
}

/** `spec.allow` or `spec.deny`. */
export function sideOf(role: Role, side: Side): RoleConditions {
  return side === "allow" ? role.spec.allow : role.spec.deny;
}

/** The values of a list of one side, templates expanded for the user. */
export function listOf(set: RoleSet, role: Role, side: Side, field: ListField): string[] {
  return expandTemplates(sideOf(role, side)[field] ?? [], set.user.traits);
}
