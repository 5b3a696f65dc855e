/**
 * Public areas from which a TPM makes its standard keys. Endorsement keys: TCG EK Credential Profile 2.5, templates L-1
 * and L-2; storage root keys: TCG TPM 2.0 Provisioning Guidance section 7.5.1. One changed bit gives another key.
 */
import { concat } from "#base/bytes.ts";
import { algorithm, objectAttribute } from "./constants.ts";
import type { PublicBytes } from "./forms.ts";
import { encodePublic } from "./public-area.ts";

/** PolicySecret(endorsement hierarchy), SHA-256: the policy of default endorsement keys ("policy A"). */
export const endorsementPolicy = Uint8Array.from(
  Buffer.from("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa", "hex"),
);

const fixed =
  objectAttribute.fixedTpm | objectAttribute.fixedParent | objectAttribute.sensitiveDataOrigin;
const storage = objectAttribute.restricted | objectAttribute.decrypt;
const withPassword = objectAttribute.userWithAuth | objectAttribute.noDictionaryAttack;
const signing = fixed | withPassword | objectAttribute.sign;

const aes128 = { kind: "aes", bits: 128, mode: algorithm.cfb } as const;
const noScheme = { kind: "none" } as const;
const noSymmetric = { kind: "none" } as const;
const sha256 = algorithm.sha256;
const nothing = new Uint8Array(0);
const curveP256 = 3;

const endorsementHeader = {
  nameAlg: sha256,
  attributes: fixed | objectAttribute.adminWithPolicy | storage,
  authPolicy: endorsementPolicy,
};
const storageHeader = {
  nameAlg: sha256,
  attributes: fixed | withPassword | storage,
  authPolicy: nothing,
};

const p256Storage = { symmetric: aes128, scheme: noScheme, curve: curveP256, kdf: algorithm.none };

/** The RSA-2048 endorsement key (L-1). `nonce` comes from NV memory when the maker put one there. */
export function rsaEndorsementTemplate(nonce: Uint8Array = nothing): PublicBytes {
  const modulus = concat(nonce, new Uint8Array(256 - nonce.length));
  const key = { symmetric: aes128, scheme: noScheme, keyBits: 2048, exponent: 0, modulus };
  return encodePublic({ kind: "rsa", ...endorsementHeader, ...key });
}

/** The P-256 endorsement key (L-2). `nonce` comes from NV memory when the maker put one there. */
export function p256EndorsementTemplate(nonce: Uint8Array = nothing): PublicBytes {
  const x = concat(nonce, new Uint8Array(32 - nonce.length));
  return encodePublic({
    kind: "ecc",
    ...endorsementHeader,
    ...p256Storage,
    x,
    y: new Uint8Array(32),
  });
}

/** The P-256 storage root key. */
export const storageRootTemplate: PublicBytes = encodePublic({
  kind: "ecc",
  ...storageHeader,
  ...p256Storage,
  x: new Uint8Array(32),
  y: new Uint8Array(32),
});

/** A restricted P-256 signing key: what our client uses as attestation key. */
export const attestationKeyTemplate: PublicBytes = encodePublic({
  kind: "ecc",
  nameAlg: sha256,
  attributes: signing | objectAttribute.restricted,
  authPolicy: nothing,
  symmetric: noSymmetric,
  scheme: { kind: "ecdsa", hash: sha256 },
  curve: curveP256,
  kdf: algorithm.none,
  x: nothing,
  y: nothing,
});
