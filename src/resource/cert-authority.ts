/**
 * `kind: cert_authority`, version v2: the keys of one authority of the cluster. Private halves are
 * present only in documents that auth keeps for itself.
 */
import * as z from "zod";
import { metadata } from "./metadata.ts";
import { rotation } from "./rotation.ts";
import {
  base64Text,
  fallback,
  filledText,
  mapList,
  oneOf,
  optional,
  text,
  textList,
} from "./scalar.ts";

/** What an authority signs for. */
export const certAuthorityTypes = [
  "host",
  "user",
  "db",
  "db_client",
  "openssh",
  "jwt",
  "saml_idp",
  "oidc_idp",
  "spiffe",
  "okta",
] as const;

/** Kind of authority; `sub_kind` and `spec.type` of the document. */
export type CertAuthorityType = (typeof certAuthorityTypes)[number];

const keyType = optional(oneOf(["RAW", "PKCS11", "GCP_KMS", "AWS_KMS"]));

const keySet = z.strictObject({
  ssh: optional(
    mapList(
      z.strictObject({
        /** The line of an authorized_keys file, in base64. */
        public_key: base64Text,
        private_key: optional(base64Text),
        private_key_type: keyType,
      }),
    ),
  ),
  tls: optional(
    mapList(
      z.strictObject({
        /** PEM certificate, in base64. */
        cert: base64Text,
        key: optional(base64Text),
        key_type: keyType,
        crl: optional(base64Text),
      }),
    ),
  ),
  jwt: optional(
    mapList(
      z.strictObject({
        public_key: base64Text,
        private_key: optional(base64Text),
        private_key_type: keyType,
      }),
    ),
  ),
});

/**
 * Strict schema of an authority; its output is the canonical document. `metadata.name` is the
 * cluster.
 */
export const certAuthoritySchema = z.strictObject({
  kind: z.literal("cert_authority"),
  sub_kind: oneOf(certAuthorityTypes),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata,
  spec: z.strictObject({
    type: oneOf(certAuthorityTypes),
    cluster_name: filledText,
    roles: optional(textList),
    role_map: optional(mapList(z.strictObject({ remote: text, local: textList }))),
    rotation: optional(rotation),
    signing_alg: optional(text),
    active_keys: fallback(keySet, {}),
    additional_trusted_keys: fallback(keySet, {}),
  }),
});

/** An authority as a canonical document. */
export type CertAuthority = z.output<typeof certAuthoritySchema>;
