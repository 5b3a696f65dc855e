/**
 * Signatures over a challenge, by a device key or an SSH key, as clients of the public API make them: ECDSA over SHA-256
 * in DER, RSA PKCS #1 v1.5 over SHA-256, Ed25519 over the challenge itself. Not SSH wire signatures.
 */
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { refuseCeremony } from "./refusal.ts";

const minRsaBits = 2048;

/** Signs a challenge with a private key of one of the three types. */
export function signChallenge(privateKey: KeyObject, challenge: Uint8Array): Uint8Array {
  return new Uint8Array(sign(digestOf(privateKey) ?? null, challenge, privateKey));
}

/** True when `signature` is by the key. Keys of other types never verify. */
export function verifyChallengeSignature(
  key: KeyObject,
  challenge: Uint8Array,
  signature: Uint8Array,
): boolean {
  const digest = digestOf(key);
  if (digest === undefined || signature.length === 0) return false;
  return verify(digest, challenge, key, signature);
}

/** Proof that the client holds the SSH key of the certificate that is to be renewed. */
export interface SshKeyProof {
  /** SubjectPublicKeyInfo of the TLS client certificate. */
  readonly tlsKey: Uint8Array;
  /** SubjectPublicKeyInfo of the key in the SSH certificate. */
  readonly sshKey: Uint8Array;
  readonly challenge: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Refuses unless the SSH key signed the challenge. When it is also the TLS key, the handshake has proven it and the
 * signature may be empty; one that is sent must verify all the same.
 */
export function assertSshKeyProof({ tlsKey, sshKey, challenge, signature }: SshKeyProof): void {
  if (signature.length === 0) {
    if (sameBytes(tlsKey, sshKey)) return;
    throw refuseCeremony("authentication", "ssh_signature_missing", "the SSH key signed nothing");
  }
  const key = createPublicKey({ key: Buffer.from(sshKey), format: "der", type: "spki" });
  if (!verifyChallengeSignature(key, challenge, signature)) {
    throw refuseCeremony("authentication", "ssh_signature", "the SSH signature does not verify");
  }
}

/** The digest to sign with; null where the scheme hashes itself, undefined for key types that are not accepted. */
function digestOf(key: KeyObject): "sha256" | null | undefined {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return null;
    case "ec":
      return "sha256";
    case "rsa":
      return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= minRsaBits ? "sha256" : undefined;
    default:
      return undefined;
  }
}
