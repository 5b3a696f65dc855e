/**
 * TPMT_PUBLIC (TPM 2.0 Library Part 2 section 12.2.4): the public area of an RSA or elliptic-curve key.
 * Decoding proves nothing about the key; see attestation-key.ts.
 */
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { base64url, concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { algorithm, findCurve } from "./constants.ts";
import { claimForm, type PublicBytes } from "./forms.ts";
import {
  constant,
  type Decoded,
  decodeWhole,
  encodeWhole,
  layout,
  sized,
  uint16,
  uint32,
  union,
} from "./layout.ts";
import { type EvidenceReason, refuse } from "./refusal.ts";

const header = { nameAlg: uint16, attributes: uint32, authPolicy: sized(64) };
const nothing = layout({});
const withHash = layout({ hash: uint16 });

const symmetric = union({
  none: [algorithm.none, nothing],
  aes: [algorithm.aes, layout({ bits: uint16, mode: uint16 })],
});

const rsaScheme = union({
  none: [algorithm.none, nothing],
  rsassa: [algorithm.rsassa, withHash],
  rsapss: [algorithm.rsapss, withHash],
  rsaes: [algorithm.rsaes, nothing],
  oaep: [algorithm.oaep, withHash],
});

const eccScheme = union({
  none: [algorithm.none, nothing],
  ecdsa: [algorithm.ecdsa, withHash],
  ecdh: [algorithm.ecdh, withHash],
});

const rsaArea = layout({
  ...header,
  symmetric,
  scheme: rsaScheme,
  keyBits: uint16,
  exponent: uint32,
  modulus: sized(512),
});

const eccArea = layout({
  ...header,
  symmetric,
  scheme: eccScheme,
  curve: uint16,
  kdf: constant(uint16, algorithm.none),
  x: sized(66),
  y: sized(66),
});

const publicArea = union({ rsa: [algorithm.rsa, rsaArea], ecc: [algorithm.ecc, eccArea] });

/** A decoded public area, of kind `rsa` or `ecc`. */
export type PublicArea = Decoded<typeof publicArea>;

/** Decodes a public area; throws `malformed` for anything but exactly one RSA or ECC area. */
export function decodePublic(bytes: PublicBytes): PublicArea {
  return decodeWhole(publicArea, bytes, "TPMT_PUBLIC", "ak_malformed");
}

/** Encodes a public area or a template of one. */
export function encodePublic(area: PublicArea): PublicBytes {
  return claimForm(encodeWhole(publicArea, area));
}

/** The exponent of an RSA area; zero on the wire stands for 65537 (Part 2 section 12.2.3.5). */
export function rsaExponent(area: PublicArea & { kind: "rsa" }): number {
  return area.exponent === 0 ? 65_537 : area.exponent;
}

/**
 * The key of a public area. Refuses with `ak_key` a modulus that does not have the stated size, an exponent other than
 * 65537, an unknown curve and a point that is not on it.
 */
export function publicKeyOf(area: PublicArea): KeyObject {
  try {
    return createPublicKey({
      format: "jwk",
      key: area.kind === "rsa" ? rsaJwk(area) : eccJwk(area),
    });
  } catch (cause) {
    throw isFault(cause) ? cause : refuse("ak_key", "not a valid public key", cause);
  }
}

function rsaJwk(area: PublicArea & { kind: "rsa" }): webcrypto.JsonWebKey {
  const topBit = (area.modulus[0] ?? 0) & 0x80;
  if (area.modulus.length * 8 !== area.keyBits || topBit === 0) throw refuse("ak_key", "modulus");
  if (rsaExponent(area) !== 65_537) throw refuse("ak_key", "exponent");
  return { kty: "RSA", n: base64url(area.modulus), e: "AQAB" };
}

function eccJwk(area: PublicArea & { kind: "ecc" }): webcrypto.JsonWebKey {
  const curve = findCurve(area.curve);
  if (curve === undefined) throw refuse("ak_key", "curve");
  const [x, y] = [padLeft(area.x, curve.size), padLeft(area.y, curve.size)];
  return { kty: "EC", crv: curve.jwk, x: base64url(x), y: base64url(y) };
}

/** Restores leading zeros that an integer lost on its way. Refuses bytes that are longer already, with `reason`. */
export function padLeft(
  bytes: Uint8Array,
  size: number,
  reason: EvidenceReason = "ak_key",
): Uint8Array {
  if (bytes.length > size) throw refuse(reason, "an integer is too long");
  return concat(new Uint8Array(size - bytes.length), bytes);
}
