/**
 * The cluster settings that `auth_service` may state, as the resources that they become. They carry
 * the origin label `config-file`, so that `tctl` warns before it overrides them.
 */
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import { parseResourceOf } from "#resource/parse.ts";
import type { SessionRecordingConfig } from "#resource/session-recording-config.ts";
import { originLabel } from "#resource/singletons.ts";
import type { AuthSection } from "./schema-auth.ts";

const metadata = { labels: { [originLabel]: "config-file" } };

function statesAny(settings: object): boolean {
  return Object.values(settings).some((value) => value !== undefined);
}

/**
 * The preference that the file states, or undefined when it states none. `allowedCas` are PEM
 * texts.
 */
export function authPreferenceOf(
  section: AuthSection,
  allowedCas: readonly string[] | undefined,
): ClusterAuthPreference | undefined {
  const { authentication, message_of_the_day, disconnect_expired_cert } = section;
  if (!statesAny({ authentication, message_of_the_day, disconnect_expired_cert })) return undefined;
  const { local_auth, passwordless, headless, device_trust, ...rest } = authentication ?? {};
  return parseResourceOf("cluster_auth_preference", {
    kind: "cluster_auth_preference",
    metadata,
    spec: {
      signature_algorithm_suite: "balanced-v1",
      ...rest,
      allow_local_auth: local_auth,
      allow_passwordless: passwordless,
      allow_headless: headless,
      device_trust: device_trust && { ...device_trust, ekcert_allowed_cas: allowedCas },
      message_of_the_day,
      disconnect_expired_cert,
    },
  });
}

/** The networking config that the file states, or undefined when it states none. */
export function networkingConfigOf(section: AuthSection): ClusterNetworkingConfig | undefined {
  const spec = {
    client_idle_timeout: section.client_idle_timeout,
    idle_timeout_message: section.client_idle_timeout_message,
    web_idle_timeout: section.web_idle_timeout,
    keep_alive_interval: section.keep_alive_interval,
    keep_alive_count_max: section.keep_alive_count_max,
    session_control_timeout: section.session_control_timeout,
    routing_strategy: section.routing_strategy,
    case_insensitive_routing: section.case_insensitive_routing,
    proxy_listener_mode: section.proxy_listener_mode,
  };
  if (!statesAny(spec)) return undefined;
  return parseResourceOf("cluster_networking_config", {
    kind: "cluster_networking_config",
    metadata,
    spec,
  });
}

/** The recording config that the file states, or undefined when it states none. */
export function sessionRecordingConfigOf(section: AuthSection): SessionRecordingConfig | undefined {
  const spec = {
    mode: section.session_recording,
    proxy_checks_host_keys: section.proxy_checks_host_keys,
  };
  if (!statesAny(spec)) return undefined;
  return parseResourceOf("session_recording_config", {
    kind: "session_recording_config",
    metadata,
    spec,
  });
}
