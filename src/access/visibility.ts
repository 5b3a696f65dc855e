/**
 * Which resources a list shows to a user: those that some role allows by labels and none denies by labels. Logins,
 * devices and second factors do not matter here: people may see what they could reach.
 */
import { allowedLogins } from "./logins.ts";
import { allowsLabels, findDeny } from "./role-match.ts";
import type { RoleSet } from "./role-set.ts";
import type { AccessTarget } from "./target.ts";

/** True when the resource may be listed. False for everything when a role of the user is missing. */
export function isVisible(
  roleSet: RoleSet,
  resource: Pick<AccessTarget, "protocol" | "name" | "labels">,
): boolean {
  if (roleSet.missing.length > 0) return false;
  const target: AccessTarget = { ...resource, demands: [], lockable: {} };
  return (
    roleSet.roles.every((role) => findDeny(roleSet, role, target) === undefined) &&
    roleSet.roles.some((role) => allowsLabels(roleSet, role, target))
  );
}

/**
 * The accounts that a list shows beside the resource: those of the roles that allow it by labels, without any that some
 * role denies. Empty for what the user cannot see.
 */
export function visibleLogins(
  roleSet: RoleSet,
  resource: Pick<AccessTarget, "protocol" | "name" | "labels">,
): string[] {
  if (!isVisible(roleSet, resource)) return [];
  const target: AccessTarget = { ...resource, demands: [], lockable: {} };
  const matching = roleSet.roles.filter((role) => allowsLabels(roleSet, role, target));
  const granted = new Set(allowedLogins(roleSet));
  return allowedLogins({ ...roleSet, roles: matching }).filter((login) => granted.has(login));
}
