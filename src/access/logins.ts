/** The values that a certificate may name: OS accounts, and names of other protocols. */
import { isLogin } from "#identity/principal.ts";
import { type ListField, listOf, type RoleSet } from "./role-set.ts";

/** How the public API spells that a role gives no login: `no-login-<uuid>`, because an empty list meant any once. */
const noLogin = /^no-login-/;

/**
 * Logins that some role allows and none denies, in the order of the roles, each once. What cannot be a principal (a
 * separator in a trait, a name of the product) and the placeholder for "no login" are left out.
 */
export function allowedLogins(set: RoleSet): string[] {
  return allowedValues(set, "logins").filter((login) => isLogin(login) && !noLogin.test(login));
}

/** Values of a list that some role allows and none denies; a denied `*` leaves nothing. */
export function allowedValues(set: RoleSet, field: ListField): string[] {
  const denied = new Set(set.roles.flatMap((role) => listOf(set, role, "deny", field)));
  if (denied.has("*")) return [];
  const allowed = set.roles.flatMap((role) => listOf(set, role, "allow", field));
  return [...new Set(allowed)].filter((value) => !denied.has(value));
}
