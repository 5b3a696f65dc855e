/**
 * Signs certificates with a private key that this process holds. Other signers (an HSM, a KMS) have
 * the same shape.
 */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { algorithmInfo, type SignatureAlgorithm } from "./algorithm.ts";

/** Signs certificates for an authority. */
export interface CertificateSigner {
  readonly algorithm: SignatureAlgorithm;
  /** The public half as SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** Signs the bytes of a TBSCertificate; gives the signature as the certificate holds it. */
  sign(tbs: Uint8Array): Uint8Array;
}

/**
 * A signer on a private key: P-256 with SHA-256, Ed25519, or RSA of 2048 bits and more with
 * SHA-256; else `invalid`.
 */
export function signerOf(privateKey: KeyObject): CertificateSigner {
  const algorithm = algorithmOf(privateKey);
  const { hash } = algorithmInfo(algorithm);
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    algorithm,
    publicKey: new Uint8Array(publicKey),
    sign: (tbs) => sign(hash, tbs, privateKey),
  };
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.type === "private") {
    if (key.asymmetricKeyType === "ed25519") return "ed25519";
    if (key.asymmetricKeyType === "ec" && namedCurve === "prime256v1") return "ecdsa-sha256";
    if (key.asymmetricKeyType === "rsa" && modulusLength >= 2048) return "rsa-sha256";
  }
  throw new Fault(
    "invalid",
    "an authority's key must be P-256, Ed25519 or RSA of at least 2048 bits",
  );
}
