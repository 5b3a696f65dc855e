/** The document stores of all kinds that auth keeps. */
import type { Backend } from "#backend/port.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import type { Device } from "#resource/device.ts";
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
  readonly authPreference: DocumentStore<ClusterAuthPreference>;
  readonly networkingConfig: DocumentStore<ClusterNetworkingConfig>;
  readonly recordingConfig: DocumentStore<SessionRecordingConfig>;
  readonly alerts: DocumentStore<ClusterAlert>;
  readonly alertAcks: DocumentStore<AlertAck>;
}

/** The names of the documents that exist once. */
export const singletons = {
  authPreference: "cluster-auth-preference",
  networkingConfig: "cluster-networking-config",
  recordingConfig: "session-recording-config",
} as const;

/** Opens the stores on a backend. */
export function openStores(backend: Backend): Stores {
  return {
    users: new DocumentStore(backend, "user"),
    roles: new DocumentStore(backend, "role"),
    devices: new DocumentStore(backend, "device"),
    tokens: new DocumentStore(backend, "token"),
    locks: new DocumentStore(backend, "lock"),
    nodes: new DocumentStore(backend, "node"),
    authPreference: new DocumentStore(backend, "cluster_auth_preference"),
    networkingConfig: new DocumentStore(backend, "cluster_networking_config"),
    recordingConfig: new DocumentStore(backend, "session_recording_config"),
    alerts: new DocumentStore(backend, "cluster_alert"),
    alertAcks: new DocumentStore(backend, "cluster_alert_ack"),
  };
}
