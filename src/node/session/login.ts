/**
 * Who logs in, and whether they may: the certificate, then the ordered checks of src/access. Pure: the view of the
 * cluster and the time are arguments. Nothing is kept from one question to the next.
 */
import { type AccessDecision, decideAccess } from "#access/decide-access.ts";
import { refusalFault } from "#access/decision.ts";
import { begunIdentity, type RunningSession } from "#access/running-session.ts";
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

/** The login of a connection that began in time, see {@link begunIdentity}. */
export function begunLogin(login: Login): Login {
  return { ...login, identity: begunIdentity(login.identity) };
}

/** Checks of a certificate before which nothing in it can be believed, the name of the user included. */
const checksOfOrigin: readonly unknown[] = ["type", "authority", "signature"];

/** True when a certificate that {@link readLogin} refused was still signed by the cluster. */
export function isSignedByUs(error: unknown): boolean {
  return isFault(error) && !checksOfOrigin.includes(error.audit["check"]);
}

/** Decides about a login. */
export function decideLogin(login: Login, { view, server, now }: DecisionContext): AccessDecision {
  return decideAccess({ ...runningSession(login, server), policy: view.policy, now });
}

/** The login as the review of open sessions sees it. */
export function runningSession(
  { identity, account, clientIp }: Login,
  server: SshServer,
): RunningSession {
  return { identity, clientIp, target: sshTarget(server, account) };
}

/** What the login may do now. Throws the refusal. */
export function grantOf(login: Login, context: DecisionContext): Grant {
  const decision = decideLogin(login, context);
  if (!decision.allowed) throw refusalFault(decision.reason);
  const { roleSet, matching } = decision;
  const { policy, networking } = context.view;
  const options = combineOptions(roleSet.roles, policy.authPreference, networking);
  assertServed(options);
  return { permissions: sessionPermissions(login.identity, roleSet, matching), options };
}

/** Throws `access-denied` for options of a session that this server cannot hold to. */
export function assertServed({ recording }: SessionOptions): void {
  if (recording !== "strict") return;
  throw new Fault(
    "access-denied",
    "a role demands that every session is recorded, which this server cannot do",
    { hint: "ask an administrator to set record_session.ssh to best_effort in that role" },
  );
}
