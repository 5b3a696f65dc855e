/**
 * The configuration of one process after defaults, checks and the files that it names: what the
 * services receive.
 */

import type { Address } from "#base/address.ts";
import type { Secret } from "#base/secret.ts";
import type { ConfiguredCluster } from "#kube/clusters.ts";
import type { MdmSettings } from "#mdm/settings.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import type { Database } from "#resource/database.ts";
import type { SessionRecordingConfig } from "#resource/session-recording-config.ts";
import type { TokenRole } from "#resource/token.ts";

/** Everything that `gatehouse start` needs. A service that is disabled is absent. */
export interface GatehouseConfig {
  /** Name of this machine in listings. */
  readonly nodename: string;
  /** Absolute folder for everything that is kept. */
  readonly dataDir: string;
  readonly log: LogConfig;
  readonly storage: StorageConfig;
  /** How services without an auth service in the same process reach one. */
  readonly join: JoinConfig;
  readonly auth?: AuthServiceConfig;
  readonly proxy?: ProxyServiceConfig;
  readonly ssh?: SshServiceConfig;
  readonly databases?: DatabaseServiceConfig;
  readonly kubernetes?: KubernetesServiceConfig;
  /** The inventory services that run here. */
  readonly mdm: readonly MdmSettings[];
}

/** Where log lines go and which. */
export interface LogConfig {
  /** `stdout`, `stderr` or a file. */
  readonly output: string;
  readonly severity: "debug" | "info" | "warn" | "error";
  readonly format: "text" | "json";
}

/** Where auth keeps its data. */
export interface StorageConfig {
  readonly type: "sqlite";
  /** Absolute folder of the database. */
  readonly path: string;
}

/** The way into a cluster whose auth service is elsewhere. */
export interface JoinConfig {
  readonly authServer?: Address;
  readonly proxyServer?: Address;
  readonly token?: Secret;
  /** `sha256:<hex>` of the public keys of the host authority. */
  readonly caPins: readonly string[];
}

/** A join token that the config file states. */
export interface StaticToken {
  readonly roles: readonly TokenRole[];
  readonly secret: Secret;
}

/**
 * The auth service. Settings that the file states win over stored ones; the others are undefined.
 */
export interface AuthServiceConfig {
  /** A port of auth's own, besides that of the proxy. */
  readonly listen: Address | undefined;
  readonly publicAddrs: readonly Address[];
  /** Undefined: the node name at first start, the stored name later. */
  readonly clusterName: string | undefined;
  readonly tokens: readonly StaticToken[];
  readonly authPreference: ClusterAuthPreference | undefined;
  readonly networkingConfig: ClusterNetworkingConfig | undefined;
  readonly sessionRecordingConfig: SessionRecordingConfig | undefined;
}

/** Files of a web certificate, both PEM. */
export interface KeyPairFiles {
  readonly keyFile: string;
  readonly certFile: string;
}

/** The proxy service. */
export interface ProxyServiceConfig {
  readonly webListen: Address;
  /** Addresses that people type; the first is announced. */
  readonly publicAddrs: readonly Address[];
  /** None: a self-signed certificate is made. */
  readonly keyPairs: readonly KeyPairFiles[];
}

/** A label whose value is the output of a program. */
export interface CommandLabelConfig {
  readonly name: string;
  readonly command: readonly string[];
  readonly periodMs: number;
}

/** The ssh service of this machine. */
export interface SshServiceConfig {
  readonly listen: Address;
  readonly publicAddrs: readonly Address[];
  readonly labels: Readonly<Record<string, string>>;
  readonly commands: readonly CommandLabelConfig[];
  readonly permitUserEnvironment: boolean;
  readonly portForwarding: boolean;
  readonly fileCopy: boolean;
}

/** A database that the configuration of its agent describes. */
export interface StaticDatabase {
  readonly document: Database;
  /** Labels whose values commands print. */
  readonly commands: readonly CommandLabelConfig[];
}

/** The database agent of this machine. */
export interface DatabaseServiceConfig {
  readonly databases: readonly StaticDatabase[];
  /** It also serves every database of administrators whose labels match one of these. */
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
}

/** The Kubernetes agent of this machine. */
export interface KubernetesServiceConfig {
  readonly clusters: readonly ConfiguredCluster[];
  /** It also serves every Kubernetes cluster of administrators whose labels match one of these. */
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
}
