/**
 * Signature blobs: `string algorithm, string signature` (RFC 4253 section 6.6, RFC 5656 section 3.1.2,
 * RFC 8332, RFC 8709 section 6). Signing is in signer.ts.
 */
import { verify } from "node:crypto";
import { concat } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { curveOf, findAlgorithm } from "./algorithms.ts";
import type { PublicKey } from "./public-key.ts";
import { padLeft, Reader } from "./wire.ts";

/** The algorithm name in a signature blob. Throws `malformed`. */
export function signatureAlgorithmOf(signature: Uint8Array): string {
  return new Reader(signature).text();
}

/**
 * True if `signature` is one by `key` over `data` with exactly `algorithm`, a plain name such as
 * `rsa-sha2-512`. False for every other name, so SHA-1 never verifies. Throws `malformed` for bytes that
 * are no signature blob.
 */
export function verifySignature(
  key: PublicKey,
  algorithm: string,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const reader = new Reader(signature);
  const name = reader.text();
  const value = reader.string();
  reader.end();
  const row = findAlgorithm(algorithm);
  if (row === undefined || row.certificate || name !== row.name) return false;
  if (row.keyType !== key.type) return false;
  const curve = curveOf(row.keyType);
  if (curve !== undefined) {
    const raw = readEcdsa(value, curve.size);
    return verify(row.hash, data, { key: key.key, dsaEncoding: "ieee-p1363" }, raw);
  }
  if (row.keyType === "ssh-ed25519")
    return value.length === 64 && verify(null, data, key.key, value);
  const modulus = (key.key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  // Some signers drop leading zeros of an RSA signature (RFC 8332 section 3.1.2 of older agents).
  return value.length <= modulus && verify(row.hash, data, key.key, padLeft(value, modulus));
}

function readEcdsa(value: Uint8Array, size: number): Uint8Array {
  const reader = new Reader(value);
  const r = reader.mpint();
  const s = reader.mpint();
  reader.end();
  if (r.length > size || s.length > size) {
    throw new Fault("malformed", "an ECDSA signature is too long");
  }
  return concat(padLeft(r, size), padLeft(s, size));
}
