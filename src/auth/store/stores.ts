/** The document stores of all kinds that auth keeps. */
import type { Backend } from "#backend/port.ts";
import type { Clock } from "#base/clock.ts";
import type { AttestationPolicy } from "#resource/attestation-policy.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import type { Database } from "#resource/database.ts";
import type { DatabaseServer } from "#resource/database-server.ts";
import type { Device } from "#resource/device.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type { KubeServer } from "#resource/kube-server.ts";
import type { Lock } from "#resource/lock.ts";
import type { Node } from "#resource/node.ts";
import type { Role } from "#resource/role.ts";
import type { SessionRecordingConfig } from "#resource/session-recording-config.ts";
import type { Token } from "#resource/token.ts";
import type { User } from "#resource/user.ts";
import type { AlertAck, ClusterAlert } from "../alerts.ts";
import { DocumentStore } from "./documents.ts";

/** One store per kind. */
export interface Stores {
  readonly users: DocumentStore<User>;
  readonly roles: DocumentStore<Role>;
  readonly devices: DocumentStore<Device>;
  readonly tokens: DocumentStore<Token>;
  readonly locks: DocumentStore<Lock>;
  readonly nodes: DocumentStore<Node>;
  readonly databases: DocumentStore<Database>;
  readonly databaseServers: DocumentStore<DatabaseServer>;
  readonly kubeClusters: DocumentStore<KubeCluster>;
  readonly kubeServers: DocumentStore<KubeServer>;
  readonly authPreference: DocumentStore<ClusterAuthPreference>;
  readonly networkingConfig: DocumentStore<ClusterNetworkingConfig>;
  readonly recordingConfig: DocumentStore<SessionRecordingConfig>;
  readonly attestationPolicy: DocumentStore<AttestationPolicy>;
  readonly alerts: DocumentStore<ClusterAlert>;
  readonly alertAcks: DocumentStore<AlertAck>;
}

/** The names of the documents that exist once. */
export const singletons = {
  authPreference: "cluster-auth-preference",
  networkingConfig: "cluster-networking-config",
  recordingConfig: "session-recording-config",
  attestationPolicy: "attestation-policy",
} as const;

/** Opens the stores on a backend; the clock tells what has expired. */
export function openStores(backend: Backend, clock: Clock): Stores {
  return {
    users: new DocumentStore(backend, clock, "user"),
    roles: new DocumentStore(backend, clock, "role"),
    devices: new DocumentStore(backend, clock, "device"),
    tokens: new DocumentStore(backend, clock, "token"),
    locks: new DocumentStore(backend, clock, "lock"),
    nodes: new DocumentStore(backend, clock, "node"),
    databases: new DocumentStore(backend, clock, "db"),
    databaseServers: new DocumentStore<DatabaseServer>(backend, clock, "db_server", servedName),
    kubeClusters: new DocumentStore(backend, clock, "kube_cluster"),
    kubeServers: new DocumentStore<KubeServer>(backend, clock, "kube_server", servedName),
    authPreference: new DocumentStore(backend, clock, "cluster_auth_preference"),
    networkingConfig: new DocumentStore(backend, clock, "cluster_networking_config"),
    recordingConfig: new DocumentStore(backend, clock, "session_recording_config"),
    attestationPolicy: new DocumentStore(backend, clock, "attestation_policy"),
    alerts: new DocumentStore(backend, clock, "cluster_alert"),
    alertAcks: new DocumentStore(backend, clock, "cluster_alert_ack"),
  };
}

/** Several agents may serve the same resource: a document is one of them and what it serves. */
function servedName({ metadata, spec }: DatabaseServer | KubeServer): string {
  return `${spec.host_id}/${metadata.name}`;
}
