/** The certificates of the services that stand beside auth in one process: made anew at each start, keys in memory. */
import { generateKeyPairSync } from "node:crypto";
import { isIP } from "node:net";
import type { SystemIdentity, SystemRole } from "#identity/identity.ts";
import { formatTlsCertificate, issueHostTls } from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import { hostCertificateMs } from "./host-certificates.ts";

/** A certificate with its key, both PEM. */
export interface ServiceKeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** The names under which clients look for the auth service, whatever the cluster is called. */
const authNames = ["*.teleport.cluster.local", "teleport.cluster.local"];
const kubePrefix = "kube-teleport-proxy-alpn.";

/** The identity of a service of this process. */
export function serviceIdentity(
  { clusterName, clock }: Pick<AuthContext, "clusterName" | "clock">,
  hostId: string,
  role: SystemRole,
): SystemIdentity {
  const expires = new Date(clock.now().getTime() + hostCertificateMs);
  return { kind: "system", hostId, cluster: clusterName, systemRoles: [role], expires };
}

/** Issues a certificate for a door: good for auth's own names, for those of the proxy, and on the loopback. */
export function issueServiceCertificate(
  context: AuthContext,
  identity: SystemIdentity,
  publicHosts: readonly string[],
): ServiceKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const hosts = [...new Set([...publicHosts, "localhost", "127.0.0.1", "::1"])];
  const names = hosts.filter((host) => isIP(host) === 0);
  const request = {
    identity,
    principals: hosts,
    dnsNames: [
      ...authNames,
      ...names,
      ...names.map((name) => kubePrefix + name),
      `${kubePrefix}teleport.cluster.local`,
    ],
    ipAddresses: hosts.filter((host) => isIP(host) !== 0),
  };
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  return {
    // The authority goes with it: a machine that joins compares it with the pin that it was given.
    certificate:
      formatTlsCertificate(issueHostTls(context, request, spki)) +
      context.authorities.certificatePem("host"),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
