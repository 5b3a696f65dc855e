/**
 * TPM2_MakeCredential in software (TPM 2.0 Library Part 1 section 24): encrypts a secret so that only the TPM that
 * holds both the endorsement key and the named attestation key can answer it. This is the one step of an enrollment
 * that proves the attestation key sits in a TPM.
 */
import {
  constants,
  createCipheriv,
  createECDH,
  createHmac,
  type ECDH,
  type KeyObject,
  publicEncrypt,
} from "node:crypto";
import { concat, utf8 } from "#base/bytes.ts";
import type { Random } from "#base/random.ts";
import { algorithm, findCurveOfJwk, findHash, type HashAlgorithm } from "./constants.ts";
import {
  claimForm,
  type ObjectName,
  type SizedEncryptedSecret,
  type SizedIdObject,
} from "./forms.ts";
import { deriveKeyA, deriveKeyE } from "./key-derivation.ts";
import { padLeft } from "./public-area.ts";
import { refuse } from "./refusal.ts";
import { TpmWriter } from "./wire.ts";

/** Both parts carry their 16-bit sizes, as the public API passes them. */
export interface EncryptedCredential {
  readonly credentialBlob: SizedIdObject;
  readonly secret: SizedEncryptedSecret;
}

/** The parameters of the default endorsement keys: RSA-2048 and P-256 with SHA-256 and AES-128 (templates L-1, L-2). */
const symmetricBits = 128;
const nothing = new Uint8Array(0);

/**
 * Encrypts `secret` to an RSA or P-256 endorsement key for the key named `name`. `name` must be computed from the
 * public area that was checked, never taken from the peer. OpenSSL draws the OAEP padding itself.
 */
export function makeCredential(
  endorsementKey: KeyObject,
  name: ObjectName,
  secret: Uint8Array,
  random: Random,
): EncryptedCredential {
  const hash = findHash(algorithm.sha256) as HashAlgorithm;
  const { seed, encrypted } =
    endorsementKey.asymmetricKeyType === "rsa"
      ? encryptSeedToRsa(endorsementKey, hash, random)
      : agreeSeedWithCurve(endorsementKey, hash, random);
  const storageKey = deriveKeyA(hash, seed, "STORAGE", name, nothing, symmetricBits);
  const cipher = createCipheriv("aes-128-cfb", storageKey, new Uint8Array(16));
  const identity = concat(cipher.update(new TpmWriter().sized(secret).done()), cipher.final());
  const macKey = deriveKeyA(hash, seed, "INTEGRITY", nothing, nothing, hash.size * 8);
  const mac = createHmac(hash.name, macKey).update(identity).update(name).digest();
  const idObject = new TpmWriter().sized(mac).raw(identity).done();
  return {
    credentialBlob: claimForm(new TpmWriter().sized(idObject).done()),
    secret: claimForm(new TpmWriter().sized(encrypted).done()),
  };
}

interface Seed {
  readonly seed: Uint8Array;
  readonly encrypted: Uint8Array;
}

function encryptSeedToRsa(key: KeyObject, hash: HashAlgorithm, random: Random): Seed {
  const seed = random(symmetricBits / 8);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaepLabel = utf8("IDENTITY\0");
  return { seed, encrypted: publicEncrypt({ key, padding, oaepHash: hash.name, oaepLabel }, seed) };
}

function agreeSeedWithCurve(key: KeyObject, hash: HashAlgorithm, random: Random): Seed {
  const jwk = key.export({ format: "jwk" });
  const curve = findCurveOfJwk(jwk.crv);
  if (curve === undefined) throw refuse("ek_key", `curve ${jwk.crv}`);
  const x = padLeft(Buffer.from(jwk.x ?? "", "base64url"), curve.size);
  const y = padLeft(Buffer.from(jwk.y ?? "", "base64url"), curve.size);
  const ephemeral = createECDH(curve.openssl);
  setPrivateKey(ephemeral, curve.size, random);
  const point = ephemeral.getPublicKey();
  const shared = padLeft(ephemeral.computeSecret(concat(Uint8Array.of(4), x, y)), curve.size);
  const ephemeralX = point.subarray(1, 1 + curve.size);
  const ephemeralY = point.subarray(1 + curve.size);
  const seed = deriveKeyE(hash, shared, "IDENTITY", ephemeralX, x, hash.size * 8);
  return { seed, encrypted: new TpmWriter().sized(ephemeralX).sized(ephemeralY).done() };
}

/** A random scalar is outside the group once in 2^32 draws; four draws make a failure impossible in practice. */
function setPrivateKey(ecdh: ECDH, size: number, random: Random): void {
  for (let left = 3; ; left--) {
    try {
      ecdh.setPrivateKey(random(size));
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
