/** Something that can sign with an SSH key: a key in memory here, an agent or hardware elsewhere. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { curveOf, findAlgorithm } from "./algorithms.ts";
import { blobTypeOf, encodePublicKey } from "./public-key.ts";
import { Writer } from "./wire.ts";

/** Signs with the private half of one key. */
export interface Signer {
  /** The plain public key blob. */
  readonly publicKey: Uint8Array;
  /** A signature blob over `data` with a plain algorithm name such as `ssh-ed25519` or `rsa-sha2-512`. */
  sign(data: Uint8Array, algorithm: string): Uint8Array | Promise<Uint8Array>;
}

/** A signer that answers at once, which issuing certificates needs. */
export interface SyncSigner extends Signer {
  sign(data: Uint8Array, algorithm: string): Uint8Array;
}

/** A signer over a private key in memory. Throws `invalid` for a kind of key that SSH cannot use. */
export function keySigner(privateKey: KeyObject): SyncSigner {
  const publicKey = encodePublicKey(createPublicKey(privateKey));
  const keyType = blobTypeOf(publicKey);
  return {
    publicKey,
    sign(data, algorithm) {
      const row = findAlgorithm(algorithm);
      if (row === undefined || row.certificate || row.keyType !== keyType) {
        throw new Fault("invalid", `a key of type ${keyType} cannot sign with ${algorithm}`);
      }
      const curve = curveOf(keyType);
      const writer = new Writer(128).string(algorithm);
      if (curve === undefined) return writer.string(sign(row.hash, data, privateKey)).done();
      const raw = sign(row.hash, data, { key: privateKey, dsaEncoding: "ieee-p1363" });
      return writer
        .nested((inner) => inner.mpint(raw.subarray(0, curve.size)).mpint(raw.subarray(curve.size)))
        .done();
    },
  };
}
