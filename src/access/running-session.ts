/**
 * Whether a session that was granted may go on. The same for every protocol: the question that let it in is asked again
 * with the rules, labels and time of now. Pure; `src/api/session-review.ts` asks it whenever the answer may have changed.
 */
import type { UserIdentity } from "#identity/identity.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import type { PolicyView } from "./access-checks.ts";
import { decideAccess } from "./decide-access.ts";
import type { Refusal } from "./decision.ts";
import { provenUntil, refuseUnproven } from "./reattestation.ts";
import { combineOptions, type SessionOptions } from "./session-options.ts";
import type { AccessTarget } from "./target.ts";

/** A session as decisions see it. */
export interface RunningSession {
  /** Whose it is. `expires` is when the right to it ends: for a certificate of one session, the login behind it. */
  readonly identity: UserIdentity;
  readonly target: AccessTarget;
  /** Address of the person's end. */
  readonly clientIp: string | undefined;
}

/**
 * The identity of a session that began in time. A certificate for one session is short so that it is used at once, and
 * what it began lasts as long as the login behind it.
 */
export function begunIdentity(identity: UserIdentity): UserIdentity {
  const { mfaVerified, previousIdentityExpires: end, expires } = identity;
  if (mfaVerified === undefined || end === undefined || end <= expires) return identity;
  return { ...identity, expires: end };
}

/** What a service knows when it asks. */
export interface RulesOfNow {
  readonly policy: PolicyView;
  readonly networking: ClusterNetworkingConfig;
  readonly now: Date;
  /** When the session was granted. */
  readonly begun: Date;
}

/** What becomes of a session. */
export type Standing =
  | { readonly ends: true; readonly reason: Refusal }
  | {
      readonly ends: false;
      readonly options: SessionOptions;
      /** When time alone may change the answer; undefined while only a rule can. */
      readonly due: Date | undefined;
    };

/**
 * Judges a session. Rules that are out of date end it in strict locking mode only: a lock could have been missed. What is
 * known to be forbidden is forbidden whatever the mode.
 */
export function judgeSession(session: RunningSession, rules: RulesOfNow): Standing {
  const { policy, networking, now, begun } = rules;
  const decision = decideAccess({
    ...session,
    policy: { ...policy, current: true },
    now,
    acceptExpired: true,
  });
  if (!decision.allowed) return { ends: true, reason: decision.reason };
  const { roles } = decision.roleSet;
  const strict =
    policy.authPreference.spec.locking_mode === "strict" ||
    roles.some((role) => role.spec.options.lock === "strict");
  const options = combineOptions(roles, policy.authPreference, networking);
  const { expires } = session.identity;
  const expired = options.disconnectExpired && now >= expires;
  if ((strict && !policy.current) || expired) {
    const again = decideAccess({
      ...session,
      policy: strict ? policy : { ...policy, current: true },
      now,
      acceptExpired: !expired,
    });
    if (!again.allowed) return { ends: true, reason: again.reason };
  }
  const { reattestation } = policy;
  const proven = provenUntil({ ...session, matching: decision.matching, begun }, policy);
  if (reattestation && proven && now >= proven) {
    return { ends: true, reason: refuseUnproven(reattestation) };
  }
  const due = earlier(options.disconnectExpired ? expires : undefined, proven);
  return { ends: false, options, due };
}

function earlier(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
