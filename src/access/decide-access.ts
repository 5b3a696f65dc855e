/**
 * May this identity reach this target now? One ordered list of checks (`access-checks.ts`) for every protocol and
 * every surface; pure, so that the services decide from what they hold. Granting needs every check to pass.
 */
import type { Identity, UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import {
  accessChecks,
  checkLocks,
  checkPolicyCurrent,
  checkRolesKnown,
  checkSourceAddress,
  checkUsage,
  checkValidity,
  type PolicyView,
} from "./access-checks.ts";
import type { Decision, Refusal } from "./decision.ts";
import { allowsLabels, findMissingDemand } from "./role-match.ts";
import { applyRoles, type RoleSet } from "./role-set.ts";
import type { AccessTarget } from "./target.ts";

/** A question about access to a resource. */
export interface AccessRequest {
  readonly identity: UserIdentity;
  readonly policy: PolicyView;
  readonly target: AccessTarget;
  readonly now: Date;
  /** Address that the connection comes from; without it a certificate bound to an address is refused. */
  readonly clientIp?: string | undefined;
  /** For a session that began in time and may go on when its certificate expires. */
  readonly acceptExpired?: boolean;
}

/** The answer. A grant names the roles that gave it: session options and permissions follow from them. */
export type AccessDecision =
  | { readonly allowed: true; readonly roleSet: RoleSet; readonly matching: readonly Role[] }
  | { readonly allowed: false; readonly reason: Refusal };

/** Decides. Does not throw for what roles, certificates or resources say: what cannot be evaluated is refused. */
export function decideAccess(request: AccessRequest): AccessDecision {
  const { identity, policy, target, now } = request;
  const roleSet = applyRoles(identity, policy.roles);
  const matching = roleSet.roles.filter(
    (role) =>
      allowsLabels(roleSet, role, target) && findMissingDemand(roleSet, role, target) === undefined,
  );
  const { clientIp, acceptExpired = false } = request;
  const context = { identity, policy, target, now, clientIp, acceptExpired, roleSet, matching };
  const reason = firstRefusal(accessChecks.map((check) => () => check(context)));
  return reason === undefined ? { allowed: true, roleSet, matching } : { allowed: false, reason };
}

/** A question about an identity alone, before anything else is known: each call of the auth API asks it. */
export interface IdentityRequest {
  readonly identity: Identity;
  readonly policy: PolicyView;
  readonly now: Date;
  readonly clientIp?: string | undefined;
  /** What a certificate may be restricted to all the same; nothing for the auth API. */
  readonly usage?: AccessTarget["usage"] | undefined;
}

/**
 * Whether the identity may speak to the auth API, or come through a door of the proxy, at all: validity, usage, address, roles and locks. No device mode
 * applies there, or no device could ever be enrolled. Services of the cluster are held against validity and locks.
 */
export function decideIdentity(request: IdentityRequest): Decision {
  const { identity, policy, now, clientIp } = request;
  const checks: (() => Refusal | undefined)[] = [
    () => checkPolicyCurrent(policy),
    () => checkValidity(identity, now),
    () => checkLocks(identity, policy.locks, now),
  ];
  if (identity.kind === "user") {
    const roleSet = applyRoles(identity, policy.roles);
    checks.push(
      () => checkUsage(identity, request.usage),
      () => checkSourceAddress(identity, roleSet.roles, clientIp),
      () => checkRolesKnown(roleSet.missing),
    );
  }
  const reason = firstRefusal(checks);
  return reason === undefined ? { allowed: true } : { allowed: false, reason };
}

function firstRefusal(checks: readonly (() => Refusal | undefined)[]): Refusal | undefined {
  for (const check of checks) {
    const reason = check();
    if (reason !== undefined) return reason;
  }
  return undefined;
}
