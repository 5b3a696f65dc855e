/**
 * Public keys as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): which ones a certificate of ours
 * may hold, and their ids. Checks the structure and the strength; that a point lies on its curve is
 * checked by whoever uses the key.
 */
import { createHash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { type DerReader, decodeDer } from "#der/reader.ts";

/** Kinds of public keys. `bits` is the length of the RSA modulus. */
export type PublicKeyInfo =
  | { readonly kind: "p256" | "p384" | "p521" | "ed25519" }
  | { readonly kind: "rsa"; readonly bits: number };

const curves: ReadonlyMap<string, readonly ["p256" | "p384" | "p521", size: number]> = new Map([
  ["1.2.840.10045.3.1.7", ["p256", 32]],
  ["1.3.132.0.34", ["p384", 48]],
  ["1.3.132.0.35", ["p521", 66]],
]);

/**
 * Decodes SubjectPublicKeyInfo. Throws `malformed` for anything but uncompressed NIST points,
 * Ed25519, and RSA of 2048 to 8192 bits with an odd public exponent from 3 to 2^32-1.
 */
export function decodePublicKey(spki: Uint8Array): PublicKeyInfo {
  return decodeDer(spki, (reader) =>
    reader.readSequence((info) => {
      const [type, curve] = info.readSequence(readKeyType);
      const key = info.readBitBytes();
      if (type === "1.2.840.113549.1.1.1") return decodeDer(key, readRsaKey);
      if (type === "1.2.840.10045.2.1") return checkPoint(curve, key);
      if (type === "1.3.101.112" && key.length === 32) return { kind: "ed25519" };
      throw new Fault("malformed", "a public key is of a kind that is not supported");
    }),
  );
}

function readKeyType(identifier: DerReader): [type: string, curve: string] {
  const type = identifier.readOid();
  if (type === "1.2.840.113549.1.1.1") identifier.readNull();
  return [type, type === "1.2.840.10045.2.1" ? identifier.readOid() : ""];
}

function readRsaKey(reader: DerReader): PublicKeyInfo {
  return reader.readSequence((key) => {
    const modulus = key.readUnsigned();
    const exponent = key.readUnsigned();
    const bits = modulus.length * 8 - (Math.clz32(modulus[0] ?? 0) - 24);
    if (bits < 2048 || bits > 8192) {
      throw new Fault("malformed", "an RSA key must have 2048 to 8192 bits");
    }
    const value = exponent.length <= 4 ? Number(`0x${Buffer.from(exponent).toString("hex")}`) : 0;
    if (value < 3 || value % 2 === 0 || ((modulus.at(-1) ?? 0) & 1) === 0) {
      throw new Fault("malformed", "an RSA key has an impossible modulus or exponent");
    }
    return { kind: "rsa", bits };
  });
}

function checkPoint(curve: string, point: Uint8Array): PublicKeyInfo {
  const known = curves.get(curve);
  if (known === undefined || point.length !== 1 + 2 * known[1] || point[0] !== 4) {
    throw new Fault(
      "malformed",
      "an elliptic-curve key has an unknown curve or no uncompressed point",
    );
  }
  return { kind: known[0] };
}

/**
 * The identifier that authorities put into certificates: SHA-1 of the public key bits (RFC 5280
 * section 4.2.1.2, method 1). A name to find candidates by, not a proof.
 */
export function keyIdOf(spki: Uint8Array): Uint8Array {
  const bits = decodeDer(spki, (reader) =>
    reader.readSequence((info) => {
      info.readAny();
      return info.readBitBytes();
    }),
  );
  return new Uint8Array(createHash("sha1").update(bits).digest());
}
