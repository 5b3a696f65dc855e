/**
 * What a command needs of a cluster, whoever provides it: this process over its own connections, or the per-user
 * agent process over its warm ones. Both give the same answers and the same faults.
 */
import type { Duplex } from "node:stream";
import type { Fault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type { MessageTransport } from "#ssh/connection/message-transport.ts";
import type { Signer } from "#ssh/signer.ts";

/** Which nodes, databases or Kubernetes clusters to list. Empty parts do not restrict. */
export interface ResourceQuery {
  readonly labels: Readonly<Record<string, string>>;
  /** A predicate such as `labels["env"] == "dev"`. */
  readonly predicate: string;
  /** Words that must all occur somewhere in its description. */
  readonly search: readonly string[];
}

/** A node as the cluster lists it: the document that `tctl get nodes` prints, as far as a client reads it. */
export interface NodeDocument {
  readonly kind: string;
  readonly sub_kind?: string | undefined;
  readonly version?: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly expires?: string;
    readonly revision?: string;
  };
  readonly spec: {
    readonly hostname: string;
    readonly addr?: string | undefined;
    readonly use_tunnel?: boolean | undefined;
    readonly cmd_labels?:
      | Readonly<Record<string, { readonly command: readonly string[]; readonly result: string }>>
      | undefined;
    readonly version?: string;
  };
}

/** Which node to reach, and as whom. */
export interface DialTarget {
  /** Host name or UUID, as the person typed it. */
  readonly host: string;
  /** Zero means the node's own. */
  readonly port: number;
  readonly login: string;
}

/** What proves the person to a node. */
export interface SshCredential {
  /** The certificate blob. */
  readonly certificate: Uint8Array;
  readonly signer: Signer;
}

/** How a login to a node went: a transport to run sessions on, or why there is none. */
export type NodeLogin = {
  /** What the node said before it decided, line by line, made safe for a terminal. */
  readonly banner: readonly string[];
} & ({ readonly transport: MessageTransport } | { readonly fault: Fault });

/** The device that the cluster knows this login by. */
export interface DeviceState {
  /** Asset tag of the authenticated device, or undefined when the login carries none. */
  readonly assetTag: string | undefined;
  /** Why there is none, in a sentence; undefined when nothing was tried or when it worked. */
  readonly problem: string | undefined;
  /** What the person can type about it; absent when nothing is known. */
  readonly hint?: string | undefined;
}

/** The state of a login whose device could not be authenticated. */
export function deviceless({ message, hint }: Fault): DeviceState {
  return { assetTag: undefined, problem: message, ...(hint === undefined ? {} : { hint }) };
}

/** What proves the person to a Kubernetes cluster. PEM. */
export interface KubeCredential {
  readonly certificate: string;
  readonly key: string;
}

/** The cluster behind one login. */
export interface ClusterAccess {
  listNodes(query: ResourceQuery): Promise<NodeDocument[]>;
  /** Opens a byte stream to the node's SSH server, for whoever logs in there with means of their own. */
  dialNode(target: DialTarget): Promise<Duplex>;
  /** Opens such a stream and logs in. Throws what stands between this machine and the node. */
  logInToNode(target: DialTarget): Promise<NodeLogin>;
  /** Every database once, by name, as `tctl get db` prints it. */
  listDatabases(query: ResourceQuery): Promise<Database[]>;
  /**
   * Opens a stream that speaks the database's own protocol without TLS. The key of its certificate stays where the
   * device's keys are.
   */
  dialDatabase(route: DatabaseRoute): Promise<Duplex>;
  /** Every Kubernetes cluster once, by name, as `tctl get kube_cluster` prints it. */
  listKubeClusters(query: ResourceQuery): Promise<KubeCluster[]>;
  /** A key and a certificate for one Kubernetes cluster, for a program that keeps them in memory. */
  certifyForKube(kubeCluster: string): Promise<KubeCredential>;
  /** Opens a stream on which HTTP/1.1 is spoken to a Kubernetes cluster. The key stays where the device's keys are. */
  dialKube(kubeCluster: string): Promise<Duplex>;
  /** Authenticates the device anew, if this machine has one, and says how that went. */
  refreshDevice(): Promise<DeviceState>;
  device(): Promise<DeviceState>;
  close(): void;
}
