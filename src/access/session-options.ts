/**
 * Options of a session that several roles and the cluster state: the most restrictive wins. Durations are
 * milliseconds; zero and absent mean no limit.
 */
import { parseDuration } from "#base/duration.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import type { Role } from "#resource/role.ts";

/** What holds for one session. */
export interface SessionOptions {
  /** Ends the session when nothing was sent for so long. */
  readonly idleTimeoutMs: number | undefined;
  /** Ends the session when the certificate expires. */
  readonly disconnectExpired: boolean;
  readonly maxConnections: number | undefined;
  readonly maxSessions: number | undefined;
  /** `strict`: without a recording there is no session. */
  readonly recording: "strict" | "best_effort";
}

/** Combines the options of the roles that the user holds with those of the cluster. */
export function combineOptions(
  roles: readonly Role[],
  authPreference: ClusterAuthPreference,
  networking: ClusterNetworkingConfig,
): SessionOptions {
  const options = roles.map((role) => role.spec.options);
  const timeouts = [
    networking.spec.client_idle_timeout,
    ...options.map((o) => o.client_idle_timeout),
  ];
  return {
    idleTimeoutMs: smallest(timeouts.map((text) => (text === undefined ? 0 : parseDuration(text)))),
    disconnectExpired:
      authPreference.spec.disconnect_expired_cert ||
      options.some((o) => o.disconnect_expired_cert === true),
    maxConnections: smallest(options.map((o) => o.max_connections ?? 0)),
    maxSessions: smallest(options.map((o) => o.max_sessions ?? 0)),
    recording: options.some(
      ({ record_session: record }) => (record?.ssh ?? record?.default) === "strict",
    )
      ? "strict"
      : "best_effort",
  };
}

/** The smallest limit; zero is none. */
function smallest(limits: readonly number[]): number | undefined {
  const real = limits.filter((limit) => limit > 0);
  return real.length === 0 ? undefined : Math.min(...real);
}
