/**
 * `kind: cluster_auth_preference` (`cap`), version v2: how people prove themselves, and what the
 * cluster demands of their devices and keys. One per cluster.
 */
import * as z from "zod";
import { devicePosture } from "./device-posture.ts";
import { singletonMetadata } from "./metadata.ts";
import { deviceTrustModes, requireSessionMfa } from "./role-options.ts";
import {
  duration,
  fallback,
  flag,
  listOf,
  oneOf,
  oneOfOrNothing,
  optional,
  text,
  textList,
} from "./scalar.ts";

/**
 * The signature algorithms of keys and authorities; `balanced-v1` is Ed25519 for SSH and P-256 for
 * TLS.
 */
export const signatureSuites = ["legacy", "balanced-v1", "fips-v1", "hsm-v1"] as const;

/**
 * What the cluster demands of devices, as `cluster_auth_preference` and the config file state it.
 */
export const deviceTrust = z.strictObject({
  /** Left out: `optional`. */
  mode: oneOfOrNothing(deviceTrustModes),
  auto_enroll: optional(flag),
  /** PEM certificates of the makers whose TPMs may enrol; none: any TPM. */
  ekcert_allowed_cas: optional(textList),
  /** Rules that every device must meet with which somebody reaches a resource. */
  posture: optional(devicePosture),
});

const pem = text.refine(
  (value) => value.includes("-----BEGIN CERTIFICATE-----"),
  "must be a PEM certificate (a path is accepted in the config file only)",
);

/** The domain that security keys are bound to (WebAuthn section 4, "RP ID"). */
const relyingParty = text.refine(
  (value) => /^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(value) && !/^[0-9.]+$/.test(value),
  "must be a host name in lower case, without scheme and port",
);

const hardwareKey = z.strictObject({
  piv_slot: optional(text),
  serial_number_validation: optional(
    z.strictObject({ enabled: optional(flag), serial_number_trait_name: optional(text) }),
  ),
  pin_cache_ttl: optional(duration),
});

/** The authentication settings that the resource and the config file share. */
export const authPreferenceShape = {
  type: fallback(oneOf(["local", "oidc", "saml", "github"]), "local"),
  second_factor: optional(oneOf(["off", "otp", "u2f", "webauthn", "on", "optional"])),
  connector_name: optional(text),
  u2f: optional(
    z.strictObject({
      app_id: optional(text),
      facets: optional(textList),
      device_attestation_cas: optional(textList),
    }),
  ),
  disconnect_expired_cert: fallback(flag, false),
  allow_local_auth: fallback(flag, true),
  message_of_the_day: optional(text),
  locking_mode: fallback(oneOf(["best_effort", "strict"]), "best_effort"),
  webauthn: optional(
    z.strictObject({
      rp_id: optional(relyingParty),
      attestation_allowed_cas: optional(textList),
      attestation_denied_cas: optional(textList),
    }),
  ),
  allow_passwordless: fallback(flag, false),
  require_session_mfa: optional(requireSessionMfa),
  device_trust: optional(deviceTrust),
  idp: fallback(
    z.strictObject({
      saml: fallback(z.strictObject({ enabled: fallback(flag, true) }), {}),
    }),
    {},
  ),
  allow_headless: fallback(flag, false),
  default_session_ttl: fallback(duration, "12h0m0s"),
  okta: fallback(z.strictObject({ sync_period: optional(duration) }), {}),
  piv_slot: optional(text),
  hardware_key: optional(hardwareKey),
  signature_algorithm_suite: optional(oneOf(signatureSuites)),
  second_factors: optional(listOf(oneOf(["otp", "webauthn", "sso"]))),
  stable_unix_user_config: optional(
    z.strictObject({
      enabled: optional(flag),
      first_uid: optional(z.int()),
      last_uid: optional(z.int()),
    }),
  ),
  allow_browser_authentication: optional(flag),
};

const spec = z
  .strictObject({
    ...authPreferenceShape,
    device_trust: optional(
      z.strictObject({ ...deviceTrust.shape, ekcert_allowed_cas: optional(listOf(pem)) }),
    ),
  })
  .transform((given) =>
    given.second_factor === undefined && given.second_factors === undefined
      ? { ...given, second_factor: "otp" as const }
      : given,
  )
  .superRefine((given, context) => {
    const { second_factor: mode, second_factors: list = [], webauthn } = given;
    const keysAlone =
      list.length > 0
        ? list.includes("webauthn") && !list.includes("otp")
        : mode === "webauthn" || mode === "u2f";
    if (!keysAlone || webauthn?.rp_id) return;
    context.addIssue({
      code: "custom",
      path: ["webauthn", "rp_id"],
      message: "must be set where security keys are the only second factor: nobody could log in",
    });
  });

/** Strict schema of the preference; its output is the canonical document. */
export const clusterAuthPreferenceSchema = z.strictObject({
  kind: z.literal("cluster_auth_preference"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata: singletonMetadata("cluster-auth-preference"),
  spec: fallback(spec, {}),
});

/** The authentication preference as a canonical document. */
export type ClusterAuthPreference = z.output<typeof clusterAuthPreferenceSchema>;
