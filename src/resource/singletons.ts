/**
 * The settings of a cluster that nobody has changed yet: one document of each kind that exists
 * once.
 */
import type { AttestationPolicy } from "./attestation-policy.ts";
import type { ClusterAuthPreference } from "./cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "./cluster-networking-config.ts";
import { parseResourceOf } from "./parse.ts";
import type { SessionRecordingConfig } from "./session-recording-config.ts";

/** Label that says where settings come from. */
export const originLabel = "teleport.dev/origin";

/** Values of {@link originLabel}: never set, from the config file, or by `tctl`. */
export type Origin = "defaults" | "config-file" | "dynamic";

const fromDefaults = { labels: { [originLabel]: "defaults" } };

/** Where the settings of a document come from; a document without the label was written by hand. */
export function originOf(resource: {
  metadata: { labels?: Record<string, string> | undefined };
}): Origin {
  const origin = resource.metadata.labels?.[originLabel];
  return origin === "defaults" || origin === "config-file" ? origin : "dynamic";
}

/**
 * The default authentication preference: local users with one-time passwords, Ed25519 and P-256
 * keys.
 */
export function defaultAuthPreference(): ClusterAuthPreference {
  return parseResourceOf("cluster_auth_preference", {
    kind: "cluster_auth_preference",
    metadata: fromDefaults,
    spec: { signature_algorithm_suite: "balanced-v1" },
  });
}

/** The default networking config: no idle limit, one port for everything. */
export function defaultNetworkingConfig(): ClusterNetworkingConfig {
  return parseResourceOf("cluster_networking_config", {
    kind: "cluster_networking_config",
    metadata: fromDefaults,
  });
}

/** The default recording config: nodes record. */
export function defaultSessionRecordingConfig(): SessionRecordingConfig {
  return parseResourceOf("session_recording_config", {
    kind: "session_recording_config",
    metadata: fromDefaults,
  });
}

/** The default attestation policy: no rule about boots, no key that signs with SHA-1. */
export function defaultAttestationPolicy(): AttestationPolicy {
  return parseResourceOf("attestation_policy", {
    kind: "attestation_policy",
    metadata: fromDefaults,
  });
}
