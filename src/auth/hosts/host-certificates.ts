/** What a machine of the cluster is certified for: its id, its name, and nothing that belongs to another machine. */
import { isIP } from "node:net";
import { Fault } from "#base/fault.ts";
import type { SystemIdentity, SystemRole } from "#identity/identity.ts";
import {
  formatSshCertificate,
  formatTlsCertificate,
  type HostRequest,
  issueHostSsh,
  issueHostTls,
  readSshKey,
  readTlsKey,
} from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";

/** How long host certificates live; agents renew them at half of it. */
export const hostCertificateMs = 7 * 24 * 3_600_000;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const namePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,251}[a-zA-Z0-9])?$/;
const maxNames = 32;
const maxKeys = 4;

/** A machine that asks for certificates. */
export interface HostApplicant {
  readonly hostId: string;
  readonly nodeName: string;
  readonly roles: readonly SystemRole[];
  readonly additionalPrincipals: readonly string[];
}

/** Keys in the form in which agents send them. */
export interface HostKeys {
  /** authorized_keys lines. */
  readonly sshPublicKeys: readonly string[];
  /** PEM. */
  readonly tlsPublicKey: string;
}

/** Issues the certificates of a machine. Throws `invalid` for names that no host may have. */
export function issueHostCertificates(
  context: AuthContext,
  applicant: HostApplicant,
  keys: HostKeys,
) {
  const request = hostRequest(context, applicant);
  const tls = readTlsKey(keys.tlsPublicKey);
  if (!tls) throw new Fault("invalid", "the request carries no TLS key");
  if (keys.sshPublicKeys.length > maxKeys) throw new Fault("invalid", "too many SSH keys");
  const { authorities, clusterName } = context;
  return {
    sshCertificates: keys.sshPublicKeys.map((line) => {
      const key = readSshKey(line);
      if (!key) throw new Fault("invalid", "an SSH key of the request is empty");
      return formatSshCertificate(issueHostSsh(context, request, key));
    }),
    tlsCertificate: formatTlsCertificate(issueHostTls(context, request, tls)),
    tlsCaCertificates: [authorities.certificatePem("host"), authorities.certificatePem("user")],
    sshCaKeys: [authorities.sshLine("host")],
    clusterName,
    hostId: applicant.hostId,
  };
}

/** Services to which nobody connects by name. */
const nameless: readonly SystemRole[] = ["MDM", "Db", "Kube"];

/** True for an agent that could only use a server's name to stand in for that server. */
function servesNobody(roles: readonly SystemRole[]): boolean {
  return roles.every((role) => nameless.includes(role));
}

/**
 * The names of a machine: `<id>`, `<id>.<cluster>`, and where it serves anybody `<name>`, `<name>.<cluster>`, the loopback,
 * and what it adds.
 */
export function hostRequest(
  { clusterName, clock }: Pick<AuthContext, "clusterName" | "clock">,
  { hostId, nodeName, roles, additionalPrincipals }: HostApplicant,
): HostRequest {
  if (!uuidPattern.test(hostId))
    throw new Fault("invalid", "the host id must be a UUID in lower case");
  const names = [...new Set([nodeName, ...additionalPrincipals])];
  if (names.length > maxNames) throw new Fault("invalid", `a host has at most ${maxNames} names`);
  const wrong = names.find((name) => isIP(name) === 0 && !namePattern.test(name));
  if (wrong !== undefined) {
    throw new Fault("invalid", `"${wrong.slice(0, 100)}" is not a name that a host can have`);
  }
  const own = [`${hostId}.${clusterName}`, hostId];
  const served = [`${nodeName}.${clusterName}`, ...names, "localhost", "127.0.0.1", "::1"];
  const principals = servesNobody(roles) ? own : [...new Set([...own, ...served])];
  const identity: SystemIdentity = {
    kind: "system",
    hostId,
    cluster: clusterName,
    systemRoles: roles,
    expires: new Date(clock.now().getTime() + hostCertificateMs),
  };
  const addresses = principals.filter((name) => isIP(name) !== 0);
  return {
    identity,
    principals,
    dnsNames: principals.filter((name) => isIP(name) === 0),
    ipAddresses: addresses,
  };
}
