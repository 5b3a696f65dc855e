/** The OS accounts that a certificate may name. */
import { isLogin } from "#identity/principal.ts";
import { listOf, type RoleSet } from "./role-set.ts";

/**
 * Logins that some role allows and none denies, in the order of the roles, each once. What cannot be a principal (a
 * separator in a trait, a name of the product) is left out.
 */
export function allowedLogins(set: RoleSet): string[] {
  const denied = new Set(set.roles.flatMap((role) => listOf(set, role, "deny", "logins")));
  if (denied.has("*")) return [];
  const allowed = set.roles.flatMap((role) => listOf(set, role, "allow", "logins"));
  return [...new Set(allowed)].filter((login) => isLogin(login) && !denied.has(login));
}
