/**
 * What a certificate says about its holder. The same value is carried by the subject of an X.509 certificate
 * and by the extensions of an SSH certificate; `subject.ts` and `extensions.ts` convert.
 */

/** Names the enrolled device that proved itself when the certificate was issued. All three or none. */
export interface DeviceExtensions {
  readonly deviceId: string;
  readonly assetTag: string;
  readonly credentialId: string;
}

/** Traits of a user: lists of values by name, such as `logins`. */
export type Traits = Readonly<Record<string, readonly string[]>>;

/** The database that a certificate may be used for. */
export interface DatabaseRoute {
  readonly serviceName: string;
  readonly protocol: string;
  readonly username: string;
  readonly database: string;
  readonly roles: readonly string[];
}

/** What a certificate may be used for; empty means everything. The wire form is `usage:<name>`. */
export type CertificateUsage = "kube" | "db" | "apps" | "windows_desktop";

/** A person (or bot) as their user certificate describes them. */
export interface UserIdentity {
  readonly kind: "user";
  readonly username: string;
  /** The cluster whose user authority issued the certificate. */
  readonly cluster: string;
  readonly roles: readonly string[];
  readonly traits: Traits;
  /** OS accounts that the roles allow, sorted as issued. */
  readonly logins: readonly string[];
  readonly expires: Date;
  readonly usage: readonly CertificateUsage[];
  readonly routeToCluster: string;
  readonly privateKeyPolicy: string;
  /** Address that the login came from. */
  readonly loginIp?: string;
  /** When set, the certificate is good from this address only. */
  readonly pinnedIp?: string;
  /** Id of the MFA device that approved this one session. */
  readonly mfaVerified?: string;
  /** When the identity before a single-use re-issue expires. */
  readonly previousIdentityExpires?: Date;
  readonly activeRequests: readonly string[];
  readonly impersonator?: string;
  readonly disallowReissue: boolean;
  /** Set for bots only. */
  readonly botName?: string;
  readonly kubernetesUsers: readonly string[];
  readonly kubernetesGroups: readonly string[];
  readonly kubernetesCluster?: string;
  readonly databaseNames: readonly string[];
  readonly databaseUsers: readonly string[];
  readonly database?: DatabaseRoute;
  readonly device?: DeviceExtensions;
  /** What the SSH half of the certificate permits. */
  readonly permit: SshPermissions;
}

/** The permit-* extensions of an SSH certificate; what is absent is forbidden. */
export interface SshPermissions {
  readonly pty: boolean;
  readonly portForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
}

/** The services of the cluster, as a host certificate names them. */
export type SystemRole = "Auth" | "Proxy" | "Node" | "Db" | "Kube" | "App" | "MDM" | "Admin";

/** A service of the cluster as its host certificate describes it. */
export interface SystemIdentity {
  readonly kind: "system";
  /** Host UUID; the certificate's common name is `<hostId>.<cluster>`. */
  readonly hostId: string;
  readonly cluster: string;
  readonly systemRoles: readonly SystemRole[];
  readonly expires: Date;
}

/** Whoever is at the other end of an authenticated connection. */
export type Identity = UserIdentity | SystemIdentity;
