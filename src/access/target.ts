/**
 * What somebody wants to reach: its labels, and what a role must list besides (a login, later a database user). One
 * constructor per protocol; the decision itself knows no protocol.
 */
import type { Labels } from "#expression/label-match.ts";
import type { CertificateUsage } from "#identity/identity.ts";
import type { LockTarget } from "#resource/lock.ts";
import type { ListField } from "./role-set.ts";

/** Protocols that resources are reached by. */
export type Protocol = "ssh" | "db" | "kube" | "app" | "desktop";

/** Protocols that the cluster's mode and rules cover (device trust, section 3.3); for the others only roles decide. */
export const coveredByCluster: Readonly<Record<Protocol, boolean>> = {
  ssh: true,
  db: true,
  kube: true,
  app: false,
  desktop: false,
};

/** Something that a role must list: allowed when an allow list has it, refused when any deny list has it. */
export interface Demand {
  /** The list of the role. */
  readonly field: ListField;
  readonly value: string;
  /** What the value is called in messages. */
  readonly noun: string;
}

/** What a decision is about. */
export interface AccessTarget {
  readonly protocol: Protocol;
  /** Name that people know the resource by. */
  readonly name: string;
  readonly labels: Labels;
  readonly demands: readonly Demand[];
  /** The use that a restricted certificate must be meant for; undefined: no restricted certificate will do. */
  readonly usage?: CertificateUsage;
  /** The name that the certificate itself must list among its logins. */
  readonly principal?: string;
  /** What locks may name besides the identity. */
  readonly lockable: Readonly<Pick<LockTarget, "login" | "server_id">>;
}

/** A server as far as a decision needs it. */
export interface SshServer {
  /** Host UUID. */
  readonly id: string;
  readonly hostname: string;
  /** Static and dynamic labels together. */
  readonly labels: Labels;
}

/** An SSH login on a server. */
export function sshTarget(server: SshServer, login: string): AccessTarget {
  return {
    protocol: "ssh",
    name: server.hostname,
    labels: server.labels,
    demands: [{ field: "logins", value: login, noun: "login" }],
    principal: login,
    lockable: { login, server_id: server.id },
  };
}

/** A database as far as a decision needs it. */
export interface DatabaseService {
  /** Name of the resource. */
  readonly name: string;
  /** Static and dynamic labels together. */
  readonly labels: Labels;
  /** Host UUID of the agent. */
  readonly hostId: string;
}

/** What somebody wants of a database: an account of it, and a database on the server where the protocol has them. */
export interface DatabaseLogin {
  readonly user: string;
  /** Undefined for protocols whose sessions change databases as they like: then roles name users only. */
  readonly database: string | undefined;
  /** Roles of the server that the session is to act in. */
  readonly roles: readonly string[];
}

/** A login on a database. */
export function databaseTarget(
  service: DatabaseService,
  { user, database, roles }: DatabaseLogin,
): AccessTarget {
  const name = { field: "db_names", value: database ?? "", noun: "database name" } as const;
  return {
    protocol: "db",
    name: service.name,
    labels: service.labels,
    demands: [
      { field: "db_users", value: user, noun: "database user" },
      ...(database === undefined ? [] : [name]),
      ...roles.map((value) => ({ field: "db_roles", value, noun: "database role" }) as const),
    ],
    usage: "db",
    lockable: { server_id: service.hostId },
  };
}

/** A Kubernetes cluster as far as a decision needs it. */
export interface KubernetesCluster {
  /** Name of the resource. */
  readonly name: string;
  /** Static and dynamic labels together. */
  readonly labels: Labels;
  /** Host UUID of the agent. */
  readonly hostId: string;
}

/** A Kubernetes cluster as a whole; what may be done in it, and as whom, is decided request by request. */
export function kubernetesTarget({ name, labels, hostId }: KubernetesCluster): AccessTarget {
  return {
    protocol: "kube",
    name,
    labels,
    demands: [],
    usage: "kube",
    lockable: { server_id: hostId },
  };
}
