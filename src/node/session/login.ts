/**
 * Who logs in, and whether they may: the certificate, then the ordered checks of src/access. Pure: the view of the
 * cluster and the time are arguments. Nothing is kept from one question to the next.
 */
import { type AccessDecision, decideAccess } from "#access/decide-access.ts";
import { type Refusal, refusalFault } from "#access/decision.ts";
import { combineOptions, type SessionOptions } from "#access/session-options.ts";
import { type SessionPermissions, sessionPermissions } from "#access/ssh-permissions.ts";
import { type SshServer, sshTarget } from "#access/target.ts";
import type { AuthorityView } from "#api/authority-documents.ts";
import { Fault, isFault } from "#base/fault.ts";
import { decodeExtensions } from "#identity/extensions.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { Certificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";

/** A person at an account of this server. */
export interface Login {
  readonly identity: UserIdentity;
  readonly account: string;
  /** Address of the person's end. */
  readonly clientIp: string;
}

/** What a decision needs to know of its surroundings. */
export interface DecisionContext {
  readonly view: AuthorityView;
  readonly server: SshServer;
  readonly now: Date;
}

/** What a login may do now. */
export interface Grant {
  readonly permissions: SessionPermissions;
  readonly options: SessionOptions;
}

/** Reads a verified certificate. Throws `unproven` or `malformed`; see {@link isSignedByUs} for what may be said of it. */
export function readLogin(
  certificate: Certificate,
  account: string,
  clientIp: string,
  { view, now }: DecisionContext,
): Login {
  checkCertificate(certificate, {
    type: "user",
    authorities: view.userAuthorities,
    now,
    principal: account,
    sourceAddress: clientIp,
  });
  return { identity: decodeExtensions(certificate, view.clusterName), account, clientIp };
}

/**
 * The login of a connection that began in time. A certificate for one session is short so that it is used at once, and
 * the connection lasts as long as the login behind it.
 */
export function begunLogin(login: Login): Login {
  const { mfaVerified, previousIdentityExpires: end, expires } = login.identity;
  if (mfaVerified === undefined || end === undefined || end <= expires) return login;
  return { ...login, identity: { ...login.identity, expires: end } };
}

/** Checks of a certificate before which nothing in it can be believed, the name of the user included. */
const checksOfOrigin: readonly unknown[] = ["type", "authority", "signature"];

/** True when a certificate that {@link readLogin} refused was still signed by the cluster. */
export function isSignedByUs(error: unknown): boolean {
  return isFault(error) && !checksOfOrigin.includes(error.audit["check"]);
}

/** Decides about a login. `acceptExpired` is for sessions that began in time. */
export function decideLogin(
  { identity, account, clientIp }: Login,
  { view, server, now }: DecisionContext,
  acceptExpired = false,
): AccessDecision {
  return decideAccess({
    identity,
    policy: view.policy,
    target: sshTarget(server, account),
    now,
    clientIp,
    acceptExpired,
  });
}

/** What the login may do now. Throws the refusal. */
export function grantOf(login: Login, context: DecisionContext, acceptExpired = false): Grant {
  const decision = decideLogin(login, context, acceptExpired);
  if (!decision.allowed) throw refusalFault(decision.reason);
  const { roleSet, matching } = decision;
  const { policy, networking } = context.view;
  const options = combineOptions(roleSet.roles, policy.authPreference, networking);
  if (options.recording === "strict") {
    throw new Fault(
      "access-denied",
      "a role demands that every session is recorded, which this server cannot do",
      { hint: "ask an administrator to set record_session.ssh to best_effort in that role" },
    );
  }
  return { permissions: sessionPermissions(login.identity, roleSet, matching), options };
}

/**
 * Why a running session must end now, or undefined. A view that is out of date ends sessions in strict locking mode
 * only: a lock could have been missed.
 */
export function reasonToEnd(login: Login, context: DecisionContext): Refusal | undefined {
  const expired = context.now >= login.identity.expires;
  const { policy, networking } = context.view;
  // Everything but the age of the view first: what is known to be forbidden is forbidden whatever the mode.
  const decision = decideLogin(
    login,
    { ...context, view: { ...context.view, policy: { ...policy, current: true } } },
    true,
  );
  if (!decision.allowed) return decision.reason;
  const { roles } = decision.roleSet;
  const strict =
    policy.authPreference.spec.locking_mode === "strict" ||
    roles.some((role) => role.spec.options.lock === "strict");
  const ends =
    expired && combineOptions(roles, policy.authPreference, networking).disconnectExpired;
  if ((strict && !policy.current) || ends) {
    const again = decideLogin(login, context, !ends);
    if (!again.allowed) return again.reason;
  }
  return undefined;
}
