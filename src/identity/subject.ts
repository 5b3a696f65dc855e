/**
 * Identities in the subject of an X.509 certificate (spec: public API, certificate format). Which authority signed
 * decides whether a subject is a user or a service: the caller says so, the subject cannot. What an SSH session may
 * do (`permit`) is not in a subject.
 */
import { Fault } from "#base/fault.ts";
import type { Rdn } from "#x509/name.ts";
import { assertDevice, readDevice } from "./device-extensions.ts";
import type {
  CertificateUsage,
  DatabaseRoute,
  Identity,
  SystemIdentity,
  SystemRole,
  UserIdentity,
} from "./identity.ts";
import { present } from "./present.ts";
import { assertLogins, joinPrincipal, loginsOfPrincipals } from "./principal.ts";
import { type ReadSubject, readSubject, writeSubject } from "./subject-attributes.ts";
import { parseTime } from "./time.ts";
import { formatTraits, parseTraits } from "./traits.ts";

const usages: readonly CertificateUsage[] = ["kube", "db", "apps", "windows_desktop"];
const systemRoles: readonly SystemRole[] = [
  "Auth",
  "Proxy",
  "Node",
  "Db",
  "Kube",
  "App",
  "MDM",
  "Admin",
];
const usagePrefix = "usage:";

/** The subject of a certificate for this identity. Throws `invalid` for one that no certificate may carry. */
export function encodeSubject(identity: Identity): Rdn[] {
  return identity.kind === "user" ? encodeUser(identity) : encodeSystem(identity);
}

/**
 * The identity in the subject of a verified certificate. `authority` is the kind of CA that signed it, `notAfter` the
 * end of its validity. Throws `malformed` for a subject that this authority would not have signed.
 */
export function decodeSubject(
  subject: readonly Rdn[],
  notAfter: Date,
  authority: "user",
): UserIdentity;
export function decodeSubject(
  subject: readonly Rdn[],
  notAfter: Date,
  authority: "host",
): SystemIdentity;
export function decodeSubject(
  subject: readonly Rdn[],
  notAfter: Date,
  authority: "user" | "host",
): Identity;
export function decodeSubject(
  subject: readonly Rdn[],
  notAfter: Date,
  authority: "user" | "host",
): Identity {
  const read = readSubject(subject);
  return authority === "user" ? decodeUser(read, notAfter) : decodeSystem(read, notAfter);
}

function encodeUser(identity: UserIdentity): Rdn[] {
  if (identity.username === "" || identity.cluster === "" || identity.roles.length === 0) {
    throw new Fault("invalid", "a user certificate needs a name, a cluster and at least one role", {
      hint: "give the user a role: tctl users update NAME --set-roles=access",
    });
  }
  assertLogins(identity.logins);
  if (identity.device !== undefined) assertDevice(identity.device);
  return writeSubject({
    commonName: identity.username,
    roles: identity.roles,
    usage: identity.usage.map((usage) => usagePrefix + usage),
    logins: [...identity.logins, joinPrincipal],
    routeToCluster: identity.routeToCluster,
    traits: formatTraits(identity.traits),
    cluster: identity.cluster,
    privateKeyPolicy: identity.privateKeyPolicy,
    loginIp: identity.loginIp,
    pinnedIp: identity.pinnedIp,
    mfaVerified: identity.mfaVerified,
    previousIdentityExpires: identity.previousIdentityExpires?.toISOString(),
    activeRequests: identity.activeRequests,
    impersonator: identity.impersonator,
    disallowReissue: identity.disallowReissue ? "true" : undefined,
    botName: identity.botName,
    kubernetesUsers: identity.kubernetesUsers,
    kubernetesGroups: identity.kubernetesGroups,
    kubernetesCluster: identity.kubernetesCluster,
    databaseNames: identity.databaseNames,
    databaseUsers: identity.databaseUsers,
    databaseService: identity.database?.serviceName,
    databaseProtocol: identity.database?.protocol,
    databaseUser: identity.database?.username,
    databaseName: identity.database?.database,
    databaseRoles: identity.database?.roles ?? [],
    deviceId: identity.device?.deviceId,
    deviceAssetTag: identity.device?.assetTag,
    deviceCredentialId: identity.device?.credentialId,
  });
}

function decodeUser(read: ReadSubject, expires: Date): UserIdentity {
  const { commonName, cluster } = read;
  if (commonName === undefined || commonName === "" || cluster === undefined || cluster === "") {
    throw new Fault("malformed", "the certificate subject lacks the user or the cluster");
  }
  if (read.systemRoles.length > 0) {
    throw new Fault("malformed", "a user certificate claims to be a service of the cluster");
  }
  if (read.allowedResources !== undefined) {
    throw new Fault("malformed", "the certificate is limited to resources, which is not supported");
  }
  return {
    kind: "user",
    username: commonName,
    cluster,
    roles: read.roles,
    traits: read.traits === undefined ? {} : parseTraits(read.traits),
    logins: loginsOfPrincipals(read.logins),
    expires,
    usage: read.usage.map(readUsage),
    routeToCluster: read.routeToCluster ?? "",
    privateKeyPolicy: read.privateKeyPolicy ?? "",
    ...present("loginIp", read.loginIp),
    ...present("pinnedIp", read.pinnedIp),
    ...present("mfaVerified", read.mfaVerified),
    ...present(
      "previousIdentityExpires",
      read.previousIdentityExpires === undefined
        ? undefined
        : parseTime(read.previousIdentityExpires),
    ),
    activeRequests: read.activeRequests,
    ...present("impersonator", read.impersonator),
    disallowReissue: read.disallowReissue !== undefined && read.disallowReissue !== "false",
    ...present("botName", read.botName),
    kubernetesUsers: read.kubernetesUsers,
    kubernetesGroups: read.kubernetesGroups,
    ...present("kubernetesCluster", read.kubernetesCluster),
    databaseNames: read.databaseNames,
    databaseUsers: read.databaseUsers,
    ...present("database", readDatabase(read)),
    ...present("device", readDevice(read.deviceId, read.deviceAssetTag, read.deviceCredentialId)),
    permit: { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false },
  };
}

/** A usage that we do not know must not widen into none at all, so it is refused. */
function readUsage(unit: string): CertificateUsage {
  const usage = usages.find((known) => usagePrefix + known === unit);
  if (usage === undefined) {
    throw new Fault("malformed", "the certificate is restricted to a use that is not known here");
  }
  return usage;
}

function readDatabase(read: ReadSubject): DatabaseRoute | undefined {
  if (read.databaseService === undefined) return undefined;
  return {
    serviceName: read.databaseService,
    protocol: read.databaseProtocol ?? "",
    username: read.databaseUser ?? "",
    database: read.databaseName ?? "",
    roles: read.databaseRoles,
  };
}

function encodeSystem(identity: SystemIdentity): Rdn[] {
  if (identity.hostId === "" || identity.cluster === "" || identity.systemRoles.length === 0) {
    throw new Fault("invalid", "a host certificate needs a host, a cluster and a system role");
  }
  return writeSubject({
    commonName: `${identity.hostId}.${identity.cluster}`,
    roles: identity.systemRoles.slice(0, 1),
    cluster: identity.cluster,
    systemRoles: identity.systemRoles,
  });
}

function decodeSystem(read: ReadSubject, expires: Date): SystemIdentity {
  const { commonName = "", cluster = "" } = read;
  const suffix = `.${cluster}`;
  if (cluster === "" || commonName.length <= suffix.length || !commonName.endsWith(suffix)) {
    throw new Fault("malformed", "the subject of the host certificate does not name a host");
  }
  const named = read.systemRoles.length > 0 ? read.systemRoles : read.roles;
  const known = systemRoles.filter((role) => named.includes(role));
  if (known.length === 0) {
    throw new Fault("malformed", "the host certificate has no system role that is known here");
  }
  return {
    kind: "system",
    hostId: commonName.slice(0, -suffix.length),
    cluster,
    systemRoles: known,
    expires,
  };
}
