/** Who is at the other end of a connection, and which cluster a request on it is for. */

import type { DeviceHold } from "#api/followed-devices.ts";
import { readKubePath } from "#api/kube-path.ts";
import { identifyCertificate } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { KubeContext, ServedCluster } from "./context.ts";
import type { Person } from "./decide.ts";

/** A connection that the proxy brought. */
export interface Caller {
  /** Undefined for a certificate that does not verify. */
  readonly person: Person | undefined;
  /** What the cluster knows of the person's device, for posture rules; held as long as the connection is open. */
  readonly device: DeviceHold | undefined;
}

/**
 * Reads the certificate whose key the person proved to the proxy. The proxy is believed about that proof and about the
 * address, and about nothing else: authority, validity and contents are checked here.
 */
export function readCaller(
  { feed, clock }: KubeContext,
  certificate: Uint8Array,
  clientIp: string,
): Caller {
  const { peerAuthorities } = feed.view;
  const { identity } = identifyCertificate(certificate, peerAuthorities, clock.now(), clientIp);
  if (identity?.kind !== "user") return { person: undefined, device: undefined };
  return {
    person: { identity: begun(identity), clientIp },
    device: feed.holdDevice(identity),
  };
}

/**
 * A certificate for one session is short so that it is used at once: a connection that began in time lasts as long as the
 * login behind it.
 */
function begun(identity: UserIdentity): UserIdentity {
  const { mfaVerified, previousIdentityExpires: end, expires } = identity;
  return mfaVerified === undefined || end === undefined || end <= expires
    ? identity
    : { ...identity, expires: end };
}

/** The person of a connection. Throws `unproven` for a stranger. */
export function requirePerson({ person }: Caller): Person {
  if (person !== undefined) return person;
  throw new Fault("unproven", "this needs the certificate of a user", {
    hint: "log in first: tsh login",
  });
}

/** What a request is for. */
export interface Route {
  readonly cluster: ServedCluster;
  /** What the API server is asked for. */
  readonly target: string;
}

/**
 * The cluster that a request is for: the one that the certificate was issued for, or the one that the path names; both
 * must agree. Throws `not-found` for one that is not served here, `access-denied` for a certificate for another one.
 */
export function readRoute(context: KubeContext, { identity }: Person, target: string): Route {
  const path = readKubePath(target);
  const own = identity.kubernetesCluster;
  const name = path?.kubernetesCluster ?? own;
  if (name === undefined) {
    throw new Fault("malformed", "the certificate names no Kubernetes cluster", {
      hint: "write a kubeconfig for one with: tsh kube login NAME",
    });
  }
  if (own !== undefined && own !== name) {
    throw new Fault("access-denied", "the certificate is for another Kubernetes cluster", {
      audit: { check: "certificate-usage" },
    });
  }
  const cluster = context.findCluster(name);
  const elsewhere = path !== undefined && path.cluster !== context.feed.view.clusterName;
  if (cluster === undefined || elsewhere) {
    throw new Fault(
      "not-found",
      `no Kubernetes cluster named "${name.slice(0, 100)}" is served here`,
      {
        hint: "list those that you may reach with: tsh kube ls",
      },
    );
  }
  return { cluster, target: path?.rest ?? target };
}
