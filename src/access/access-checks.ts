/**
 * The checks of an access decision, in order, each with a name and one thing to say. A check returns a refusal or
 * nothing; it never grants. Checks that SSH reports at authentication come before those that it reports on the first
 * channel (device trust, section 3.4).
 */
import type { Identity, UserIdentity } from "#identity/identity.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { Lock } from "#resource/lock.ts";
import type { Role } from "#resource/role.ts";
import { type Refusal, refuse } from "./decision.ts";
import {
  checkDeviceMode,
  deviceRequiredMessage,
  effectiveClusterMode,
  unauthorizedDeviceMessage,
} from "./device-mode.ts";
import { findUnmetRule, refusalForUnmet, rulesOfCluster, rulesOfRole } from "./device-posture.ts";
import { findLock, isRevocation, type Lockable, lockMessage } from "./locks.ts";
import type { Reattestation } from "./reattestation.ts";
import { allowsLabels, findDeny, findMissingDemand } from "./role-match.ts";
import type { RoleSet } from "./role-set.ts";
import { satisfiesSessionMfa } from "./session-mfa.ts";
import { sameAddress } from "./source-address.ts";
import { type AccessTarget, coveredByCluster } from "./target.ts";

/** The rules of the cluster as a service holds them: all of it, since decisions pick what they need. */
export interface PolicyView {
  readonly roles: ReadonlyMap<string, Role>;
  readonly authPreference: ClusterAuthPreference;
  readonly locks: readonly Lock[];
  /**
   * Facts of enrolled devices by id, as posture rules need them: of those that the service has asked for. A device that is
   * not here meets no rule.
   */
  readonly devices: ReadonlyMap<string, DeviceFacts>;
  /** How often devices prove themselves anew; absent where logins are enough. */
  readonly reattestation?: Reattestation;
  /** False when the feed of changes is older than its lease; then everything is refused. */
  readonly current: boolean;
}

/** What the checks of one decision see. */
export interface CheckContext {
  readonly identity: UserIdentity;
  readonly policy: PolicyView;
  readonly target: AccessTarget;
  readonly now: Date;
  /** Address that the connection comes from; needed for pinned certificates only. */
  readonly clientIp: string | undefined;
  /** True for a session that began in time and may outlive its certificate. */
  readonly acceptExpired: boolean;
  readonly roleSet: RoleSet;
  /** Roles whose allow side matches the target. */
  readonly matching: readonly Role[];
}

/** A check: a refusal, or undefined when it has nothing against access. */
export type Check = (context: CheckContext) => Refusal | undefined;

const loginHint = "log in again: tsh login";
/** What to type, after who demands a device: a role that the person holds, or the cluster. */
const enrollHint = (who: string) =>
  `${who} requires a trusted device; enroll this one with: tsh device enroll --current-device`;

/** Only logins to servers can show a second factor yet. */
const sessionMfaHint = ({ protocol }: AccessTarget): string =>
  protocol === "ssh"
    ? "sessions here need a second factor of their own: connect with tsh ssh, which asks for it"
    : "sessions here need a second factor of their own, which this program cannot show for them yet";

/** Refuses on rules that may be outdated: an unreachable authority must not keep a revoked right alive. */
export function checkPolicyCurrent(policy: Pick<PolicyView, "current">): Refusal | undefined {
  if (policy.current) return undefined;
  return refuse(
    "policy-current",
    "access cannot be decided: the rules of the cluster are outdated",
    {
      code: "unavailable",
      hint: "check that this service reaches the auth service",
    },
  );
}

/** Refuses an expired certificate. */
export function checkValidity(identity: Identity, now: Date): Refusal | undefined {
  const end = identity.expires.getTime();
  if (now.getTime() < end) return undefined;
  return refuse("certificate-validity", "the certificate has expired", {
    code: "unproven",
    hint: loginHint,
  });
}

/** Refuses a certificate that was issued for another use. Undefined `usage`: nothing but unrestricted ones will do. */
export function checkUsage(
  identity: UserIdentity,
  usage: AccessTarget["usage"],
): Refusal | undefined {
  if (identity.usage.length === 0) return undefined;
  if (usage !== undefined && identity.usage.includes(usage)) return undefined;
  return refuse("certificate-usage", "the certificate is not meant for this use", {
    hint: loginHint,
    audit: { usage: identity.usage.join(",") },
  });
}

/** Refuses a pinned certificate from another address, and an unpinned one where a role wants it pinned. */
export function checkSourceAddress(
  identity: UserIdentity,
  roles: readonly Role[],
  clientIp: string | undefined,
): Refusal | undefined {
  const pinning = roles.find((role) => role.spec.options.pin_source_ip === true);
  if (identity.pinnedIp === undefined) {
    if (pinning === undefined) return undefined;
    return refuse("source-address", "the certificate must be bound to an address", {
      role: pinning.metadata.name,
      rule: "options.pin_source_ip",
      hint: loginHint,
    });
  }
  if (clientIp !== undefined && sameAddress(identity.pinnedIp, clientIp)) return undefined;
  return refuse("source-address", "the certificate is bound to another address", {
    hint: loginHint,
    audit: { pinned_ip: identity.pinnedIp, client_ip: clientIp ?? "" },
  });
}

/** Refuses when the certificate names a role that is gone: it may have denied something. */
export function checkRolesKnown(missing: readonly string[]): Refusal | undefined {
  const [role] = missing;
  if (role === undefined) return undefined;
  return refuse("roles-known", `role "${role}" is not found`, {
    role,
    hint: "the role was removed since the login: tsh logout; tsh login",
  });
}

/** Refuses while a lock is in force. */
export function checkLocks(
  identity: Identity,
  locks: readonly Lock[],
  now: Date,
  lockable: Lockable = {},
): Refusal | undefined {
  const found = findLock(identity, locks, now, lockable);
  if (found === undefined) return undefined;
  return refuse("locks", lockMessage(found), {
    code: "locked",
    stage: "session",
    hint: isRevocation(found)
      ? "enroll this device again with: tsh device enroll --current-device"
      : `ask an administrator to remove the lock: tctl locks rm ${found.lock.metadata.name}`,
    audit: { lock: found.lock.metadata.name ?? "", lock_target: found.field },
  });
}

const checkPrincipal: Check = ({ identity, target }) => {
  if (target.principal === undefined || identity.logins.includes(target.principal))
    return undefined;
  return refuse(
    "certificate-principal",
    `the certificate is not valid for login "${target.principal}"`,
    {
      hint: `allowed logins: ${identity.logins.join(", ") || "none"}`,
      audit: { login: target.principal },
    },
  );
};

const checkDenyRules: Check = ({ roleSet, target }) => {
  for (const role of roleSet.roles) {
    const rule = findDeny(roleSet, role, target);
    if (rule !== undefined) {
      return refuse("deny-rules", `role "${role.metadata.name}" denies access to ${target.name}`, {
        role: role.metadata.name,
        rule,
      });
    }
  }
  return undefined;
};

/** Says what came closest: a role that matches the resource and lacks the login, or no role at all. */
const checkAllowRules: Check = ({ roleSet, target, matching }) => {
  if (matching.length > 0) return undefined;
  const close = closestRole(roleSet, target);
  if (close === undefined) {
    return refuse("allow-rules", `no role allows access to ${target.name}`, {
      hint: "ask an administrator for a role whose labels match this resource",
    });
  }
  const missing = findMissingDemand(roleSet, close, target);
  const what = missing === undefined ? "access" : `${missing.noun} "${missing.value}"`;
  return refuse("allow-rules", `no role allows ${what} on ${target.name}`, {
    role: close.metadata.name,
    rule: `allow.${missing?.field ?? ""}`,
    hint: `ask an administrator for a role that allows ${what} here`,
  });
};

/** Of the roles that match the resource, the first of those that list most of what the target demands. */
function closestRole(set: RoleSet, target: AccessTarget): Role | undefined {
  const lacks = (role: Role): number => {
    const missing = findMissingDemand(set, role, target);
    return missing === undefined ? 0 : target.demands.length - target.demands.indexOf(missing);
  };
  return set.roles
    .filter((role) => allowsLabels(set, role, target))
    .reduce<Role | undefined>(
      (best, role) => (best === undefined || lacks(role) < lacks(best) ? role : best),
      undefined,
    );
}

const checkSessionMfa: Check = ({ identity, policy, matching, target }) => {
  const cluster = policy.authPreference.spec.require_session_mfa;
  const role = matching.find(
    ({ spec }) => !satisfiesSessionMfa(spec.options.require_session_mfa, identity),
  );
  if (role === undefined && satisfiesSessionMfa(cluster, identity)) return undefined;
  return refuse("session-mfa", "access to resource requires MFA", {
    hint: sessionMfaHint(target),
    ...(role === undefined
      ? { rule: "cluster_auth_preference.require_session_mfa" }
      : { role: role.metadata.name, rule: "options.require_session_mfa" }),
  });
};

const checkRoleDeviceMode: Check = ({ identity, matching }) => {
  for (const role of matching) {
    const mode = role.spec.options.device_trust_mode;
    const verdict = checkDeviceMode(mode, identity);
    if (verdict === "satisfied") continue;
    return refuse("role-device-mode", deviceRequiredMessage, {
      code: "device-required",
      role: role.metadata.name,
      rule: "options.device_trust_mode",
      ...(verdict === "unknown-mode"
        ? {}
        : { hint: enrollHint(`the role "${role.metadata.name}"`) }),
      audit: { device_trust_mode: mode ?? "", verdict },
    });
  }
  return undefined;
};

const checkRoleDevicePosture: Check = ({ identity, policy, matching, now }) => {
  const subject = { identity, devices: policy.devices, now };
  for (const role of matching) {
    const unmet = findUnmetRule(rulesOfRole(role), subject);
    if (unmet === undefined) continue;
    const { name } = role.metadata;
    const { message, hint, audit } = refusalForUnmet(unmet, subject, `the role "${name}"`);
    return refuse("role-device-posture", message, {
      code: "device-required",
      role: name,
      rule: `options.device_posture[${unmet.index}]`,
      ...(hint === undefined ? {} : { hint }),
      audit,
    });
  }
  return undefined;
};

const checkClusterDeviceMode: Check = ({ identity, policy, target }) => {
  if (!coveredByCluster[target.protocol]) return undefined;
  const mode = effectiveClusterMode(policy.authPreference.spec.device_trust?.mode);
  const verdict = checkDeviceMode(mode, identity);
  if (verdict === "satisfied") return undefined;
  const message = target.protocol === "ssh" ? unauthorizedDeviceMessage : deviceRequiredMessage;
  return refuse("cluster-device-mode", message, {
    code: "device-required",
    stage: "session",
    rule: "cluster_auth_preference.device_trust.mode",
    ...(verdict === "unknown-mode" ? {} : { hint: enrollHint("the cluster") }),
    audit: { device_trust_mode: mode, verdict },
  });
};

const checkClusterDevicePosture: Check = ({ identity, policy, target, now }) => {
  if (!coveredByCluster[target.protocol]) return undefined;
  const subject = { identity, devices: policy.devices, now };
  const unmet = findUnmetRule(rulesOfCluster(policy.authPreference), subject);
  if (unmet === undefined) return undefined;
  const { message, hint, audit } = refusalForUnmet(unmet, subject, "the cluster");
  return refuse(
    "cluster-device-posture",
    target.protocol === "ssh" ? `${unauthorizedDeviceMessage}: ${message}` : message,
    {
      code: "device-required",
      stage: "session",
      rule: `cluster_auth_preference.device_trust.posture[${unmet.index}]`,
      ...(hint === undefined ? {} : { hint }),
      audit,
    },
  );
};

/** The list. The order is part of what people see: the first check that refuses gives the reason. */
export const accessChecks: readonly Check[] = [
  ({ policy }) => checkPolicyCurrent(policy),
  ({ identity, now, acceptExpired }) => (acceptExpired ? undefined : checkValidity(identity, now)),
  ({ identity, target }) => checkUsage(identity, target.usage),
  ({ identity, roleSet, clientIp }) => checkSourceAddress(identity, roleSet.roles, clientIp),
  checkPrincipal,
  ({ roleSet }) => checkRolesKnown(roleSet.missing),
  checkDenyRules,
  checkAllowRules,
  checkSessionMfa,
  checkRoleDeviceMode,
  checkRoleDevicePosture,
  ({ identity, policy, now, target }) => checkLocks(identity, policy.locks, now, target.lockable),
  checkClusterDeviceMode,
  checkClusterDevicePosture,
];
