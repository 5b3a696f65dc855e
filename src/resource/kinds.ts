/**
 * The table of kinds: how each is called on the command line, its schema, and how its documents are
 * shown. Every place that treats kinds alike reads this table.
 */
import type * as z from "zod";
import { type AttestationPolicy, attestationPolicySchema } from "./attestation-policy.ts";
import { type CertAuthority, certAuthoritySchema } from "./cert-authority.ts";
import {
  type ClusterAuthPreference,
  clusterAuthPreferenceSchema,
} from "./cluster-auth-preference.ts";
import {
  type ClusterNetworkingConfig,
  clusterNetworkingConfigSchema,
} from "./cluster-networking-config.ts";
import { type Database, databaseSchema } from "./database.ts";
import { type DatabaseServer, databaseServerSchema } from "./database-server.ts";
import { type Device, deviceSchema } from "./device.ts";
import { type KubeCluster, kubeClusterSchema } from "./kube-cluster.ts";
import { type KubeServer, kubeServerSchema } from "./kube-server.ts";
import { type Lock, lockSchema } from "./lock.ts";
import { type Node, nodeSchema } from "./node.ts";
import { type Role, roleSchema } from "./role.ts";
import {
  type SessionRecordingConfig,
  sessionRecordingConfigSchema,
} from "./session-recording-config.ts";
import { type Token, tokenSchema } from "./token.ts";
import { type User, userSchema } from "./user.ts";

/** The document type of each kind. */
export interface ResourceOf {
  role: Role;
  user: User;
  device: Device;
  token: Token;
  lock: Lock;
  cluster_auth_preference: ClusterAuthPreference;
  cluster_networking_config: ClusterNetworkingConfig;
  session_recording_config: SessionRecordingConfig;
  attestation_policy: AttestationPolicy;
  node: Node;
  db: Database;
  db_server: DatabaseServer;
  kube_cluster: KubeCluster;
  kube_server: KubeServer;
  cert_authority: CertAuthority;
}

/** A kind of resource, as its documents name it. */
export type Kind = keyof ResourceOf;

/** A document of any kind. */
export type Resource = ResourceOf[Kind];

/** One row of the table. */
export interface KindInfo<K extends Kind = Kind> {
  readonly kind: K;
  /** Every word that a person may type for the kind, the kind itself included. */
  readonly words: readonly string[];
  readonly schema: z.ZodType<ResourceOf[K]>;
  /** The fixed name of a kind that exists once per cluster. */
  readonly singleton?: string;
}

/**
 * The rows, in the order in which documents of one file can be created: what others name comes
 * first.
 */
const table: { readonly [K in Kind]: Omit<KindInfo<K>, "kind"> } = {
  cluster_auth_preference: {
    words: ["cluster_auth_preferences", "auth_preference", "cap"],
    schema: clusterAuthPreferenceSchema,
    singleton: "cluster-auth-preference",
  },
  cluster_networking_config: {
    words: ["cluster_networking_configs", "networking_config", "networking", "net_config", "cnc"],
    schema: clusterNetworkingConfigSchema,
    singleton: "cluster-networking-config",
  },
  session_recording_config: {
    words: [
      "session_recording_configs",
      "recording_config",
      "session_recording",
      "rec_config",
      "src",
    ],
    schema: sessionRecordingConfigSchema,
    singleton: "session-recording-config",
  },
  attestation_policy: {
    words: ["attestation_policies", "attestation"],
    schema: attestationPolicySchema,
    singleton: "attestation-policy",
  },
  role: { words: ["roles"], schema: roleSchema },
  user: { words: ["users"], schema: userSchema },
  device: { words: ["devices"], schema: deviceSchema },
  token: { words: ["tokens"], schema: tokenSchema },
  lock: { words: ["locks"], schema: lockSchema },
  node: { words: ["nodes"], schema: nodeSchema },
  db: { words: ["dbs", "database", "databases"], schema: databaseSchema },
  db_server: {
    words: ["db_servers", "database_server", "database_servers"],
    schema: databaseServerSchema,
  },
  kube_cluster: {
    words: ["kube_clusters", "kube", "kubes", "kubernetes_cluster", "kubernetes_clusters"],
    schema: kubeClusterSchema,
  },
  kube_server: {
    words: ["kube_servers", "kubernetes_server", "kubernetes_servers"],
    schema: kubeServerSchema,
  },
  cert_authority: {
    words: ["cert_authorities", "certificate_authority", "ca", "cas"],
    schema: certAuthoritySchema,
  },
};

/** Every kind, in order of creation. */
export const kinds = Object.keys(table) as readonly Kind[];

const byWord: ReadonlyMap<string, Kind> = new Map(
  kinds.flatMap((kind) => [kind, ...table[kind].words].map((word): [string, Kind] => [word, kind])),
);

/** Every word that names a kind. */
export const kindWords: readonly string[] = [...byWord.keys()];

/** The row of a kind. */
export function kindInfo<K extends Kind>(kind: K): KindInfo<K> {
  const row: Omit<KindInfo<K>, "kind"> = table[kind];
  return { ...row, kind, words: [kind, ...row.words] };
}

/**
 * The kind that a word names in any of its spellings and capitalisations: `roles`, `CAP`. Undefined
 * if none.
 */
export function findKind(word: string): Kind | undefined {
  return byWord.get(word.toLowerCase());
}

/**
 * The documents in an order in which they can be created: settings and roles before the users that
 * hold them.
 */
export function orderForCreation<T extends Resource>(resources: readonly T[]): T[] {
  return resources
    .map((resource, index) => ({ resource, index, rank: kinds.indexOf(resource.kind) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ resource }) => resource);
}
