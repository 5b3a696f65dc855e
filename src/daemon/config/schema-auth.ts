/** `auth_service` of the config file, version v3. */

import * as z from "zod";
import { clusterNameRule, isClusterName } from "#identity/cluster-name.ts";
import { deviceTrust, signatureSuites } from "#resource/cluster-auth-preference.ts";
import { requireSessionMfa } from "#resource/role-options.ts";
import {
  count,
  duration,
  fallback,
  filledText,
  flag,
  listOf,
  oneOf,
  optional,
  text,
  textList,
} from "#resource/scalar.ts";
import { recordingModes } from "#resource/session-recording-config.ts";
import { address } from "./address.ts";

/** How people prove themselves; becomes the `cluster_auth_preference` of the cluster. */
export const authentication = z.strictObject({
  type: optional(oneOf(["local"])),
  second_factor: optional(oneOf(["off", "otp", "webauthn", "on", "optional"])),
  second_factors: optional(listOf(oneOf(["otp", "webauthn", "sso"]))),
  connector_name: optional(text),
  local_auth: optional(flag),
  passwordless: optional(flag),
  headless: optional(flag),
  webauthn: optional(
    z.strictObject({
      rp_id: optional(text),
      attestation_allowed_cas: optional(textList),
      attestation_denied_cas: optional(textList),
    }),
  ),
  require_session_mfa: optional(requireSessionMfa),
  locking_mode: optional(oneOf(["best_effort", "strict"])),
  /** Authorities are PEM texts or paths of PEM files. */
  device_trust: optional(deviceTrust),
  default_session_ttl: optional(duration),
  signature_algorithm_suite: optional(oneOf(signatureSuites)),
});

/** Strict schema of `auth_service`. */
export const authService = z.strictObject({
  enabled: fallback(flag, true),
  /** Left out: auth is reached through the port of the proxy only. */
  listen_addr: optional(address(3025)),
  public_addr: fallback(listOf(address(3025)), []),
  cluster_name: optional(filledText.refine(isClusterName, clusterNameRule)),
  authentication: optional(authentication),
  tokens: fallback(textList, []),
  message_of_the_day: optional(text),
  disconnect_expired_cert: optional(flag),
  session_recording: optional(oneOf(recordingModes)),
  proxy_checks_host_keys: optional(flag),
  client_idle_timeout: optional(duration),
  client_idle_timeout_message: optional(text),
  web_idle_timeout: optional(duration),
  keep_alive_interval: optional(duration),
  keep_alive_count_max: optional(count),
  session_control_timeout: optional(duration),
  routing_strategy: optional(oneOf(["unambiguous_match", "most_recent"])),
  case_insensitive_routing: optional(flag),
  proxy_listener_mode: optional(oneOf(["multiplex"])),
});

/** `auth_service` as the file states it. */
export type AuthSection = z.output<typeof authService>;
