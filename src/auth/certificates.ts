/**
 * Re-issue: a person shows a certificate and asks for another one, for other keys, for one use, or for a shorter time.
 * The new one never says more than the old one: same person, same device, and it ends no later.
 */

import { applyRoles } from "#access/role-set.ts";
import { certificateEnd } from "#access/ttl.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { CertificateUsage, DatabaseRoute, UserIdentity } from "#identity/identity.ts";
import { identityFields } from "./audit/fields.ts";
import type { RequestedKeys, UserCertificates } from "./authority/issue.ts";
import type { AuthContext } from "./context.ts";
import { loadPolicy } from "./policy.ts";
import { certifyUser } from "./users/certify.ts";
import { identityOfLogin } from "./users/identity.ts";
import { lockedUserFault } from "./users/locked-user.ts";

/** What is asked for. */
export interface ReissueRequest {
  /** Must be the caller's own name. */
  readonly username: string;
  readonly keys: RequestedKeys;
  /** Undefined: as long as the caller's own certificate. */
  readonly expires: Date | undefined;
  readonly usage: CertificateUsage | undefined;
  /** The SSH half only: an SSH certificate for one use has no restriction of its own. */
  readonly sshOnly: boolean;
  /** For one session that begins within a minute. */
  readonly singleUse: boolean;
  /** The second factor that was shown for this request; makes the certificate good where sessions demand one. */
  readonly mfaVerified?: string;
  readonly routeToCluster: string;
  readonly kubernetesCluster: string;
  readonly database: DatabaseRoute | undefined;
  readonly userAgent: string;
}

/** How long a certificate for one session may be used to begin it. */
const singleUseMs = 60_000;

/** Issues the certificates; their event is durable before this returns. Throws `access-denied`. */
export async function reissueCertificates(
  context: AuthContext,
  caller: UserIdentity,
  request: ReissueRequest,
): Promise<UserCertificates> {
  if (request.username !== caller.username) {
    throw new Fault("access-denied", "certificates are issued to their own user only");
  }
  if (caller.disallowReissue)
    throw new Fault("access-denied", "this certificate may not be exchanged");
  if (!request.keys.ssh && !request.keys.tls)
    throw new Fault("invalid", "the request carries no public key");
  const identity = await reissuedIdentity(context, caller, request);
  const keys = request.usage ? { tls: request.keys.tls } : request.keys;
  const certificates = await certifyUser(
    context,
    identity,
    request.sshOnly ? { ssh: keys.ssh } : keys,
  );
  await context.audit.record("cert.create", {
    ...actorOf(caller),
    cert_type: "user",
    identity: identityFields(identity),
    user_agent: request.userAgent,
  });
  return certificates;
}

async function reissuedIdentity(
  context: AuthContext,
  caller: UserIdentity,
  request: ReissueRequest,
): Promise<UserIdentity> {
  const user = await context.stores.users.get(caller.username);
  const locked = lockedUserFault(user);
  if (locked) throw locked;
  const now = context.clock.now();
  if (request.expires && request.expires <= now) {
    throw new Fault("access-denied", "the wanted end of the certificate lies in the past");
  }
  if (request.usage === "kube") await assertKubeCluster(context, request.kubernetesCluster);
  const policy = await loadPolicy(context);
  const set = applyRoles(caller, policy.roles);
  // A proof of this moment is worth a moment, also for a client that does not ask for a short certificate.
  const short = request.singleUse || request.mfaVerified !== undefined;
  const askedMs = (request.expires ?? caller.expires).getTime() - now.getTime();
  const wantedMs = short ? Math.min(askedMs, singleUseMs) : askedMs;
  const fresh = await identityOfLogin(context, user, {
    ttlMs: Math.max(1, wantedMs),
    clientIp: caller.loginIp ?? "",
    routeToCluster: request.routeToCluster || caller.routeToCluster,
    kubernetesCluster: request.kubernetesCluster || (caller.kubernetesCluster ?? ""),
  });
  const { loginIp, pinnedIp, device, botName, impersonator } = caller;
  const mfaVerified = request.mfaVerified ?? caller.mfaVerified;
  return {
    ...fresh,
    expires: certificateEnd(set, now, wantedMs, caller.expires),
    usage: request.usage ? [request.usage] : caller.usage,
    activeRequests: caller.activeRequests,
    ...(loginIp ? { loginIp } : {}),
    ...(pinnedIp ? { pinnedIp } : {}),
    ...(mfaVerified ? { mfaVerified } : {}),
    ...(short ? { previousIdentityExpires: caller.expires } : {}),
    ...(device ? { device } : {}),
    ...(botName ? { botName } : {}),
    ...(impersonator ? { impersonator } : {}),
    ...(request.database ? { database: request.database } : {}),
  };
}

/** A certificate for nothing would only be refused later, with less to say. */
async function assertKubeCluster({ stores }: AuthContext, name: string): Promise<void> {
  const served = await stores.kubeServers.all();
  if (served.some(({ metadata }) => metadata.name === name)) return;
  throw new Fault("invalid", `kubernetes cluster "${name.slice(0, 100)}" is not registered`, {
    hint: "list those that your roles let you see with: tsh kube ls",
  });
}
