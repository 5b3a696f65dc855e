/**
 * A simulated TPM: software keys that produce evidence of the right form, honest or forged. It shows what the server's
 * checks accept and refuse without a TPM at hand, and stands in for Windows, whose TPM shapes differ. Nothing of it is
 * proof of hardware; the tests with swtpm are.
 */
import {
  constants,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  sign,
} from "node:crypto";
import { base64url, concat, sameBytes, utf8 } from "#base/bytes.ts";
import { type Attest, encodeAttest, encodeCreationData } from "#tpm/attest.ts";
import type { AttestationParameters } from "#tpm/attestation-key.ts";
import { algorithm, findHash, generatedMagic } from "#tpm/constants.ts";
import { type AttestBytes, claimForm, type PublicBytes, type SignatureBytes } from "#tpm/forms.ts";
import { deriveKeyA, deriveKeyE } from "#tpm/key-derivation.ts";
import type { EncryptedCredential } from "#tpm/make-credential.ts";
import { nameOf } from "#tpm/name.ts";
import { allPcrs, type PcrSelection } from "#tpm/pcr-selection.ts";
import { encodePublic } from "#tpm/public-area.ts";
import type { PcrValue, Quote, QuoteEvidence } from "#tpm/quote.ts";
import { encodeSignature } from "#tpm/signature.ts";
import { TpmReader } from "#tpm/wire.ts";

/** Attributes of an attestation key as the official client makes it. */
export const attestationAttributes = 0x00050472;

/** How the simulated TPM differs from an honest one. */
export interface SimulatedTpmOptions {
  readonly kind?: "rsa" | "ecc";
  readonly scheme?: "rsassa" | "rsapss";
  readonly hash?: number;
  readonly nameAlg?: number;
  readonly attributes?: number;
  readonly keyBits?: number;
  readonly endorsement?: "rsa" | "ecc";
}

/** Clock fields that tests set. */
export interface SimulatedClock {
  clock: bigint;
  resetCount: number;
  restartCount: number;
  safe: boolean;
}

// Key generation is slow; a process makes each kind once unless it asks for another.
const keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();

function keyPair(kind: "rsa" | "ecc", bits: number, use: string) {
  const id = `${kind}${bits}${use}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const pair =
    kind === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: bits })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  keys.set(id, pair);
  return pair;
}

/** One simulated TPM with one attestation key. */
export class SimulatedTpm {
  readonly endorsementKey: KeyObject;
  readonly public: PublicBytes;
  readonly clock: SimulatedClock = { clock: 1000n, resetCount: 5, restartCount: 0, safe: true };
  readonly #endorsementPrivate: KeyObject;
  readonly #private: KeyObject;
  readonly #scheme: "rsassa" | "rsapss" | "ecdsa";
  readonly #hash: number;
  readonly #nameAlg: number;
  readonly pcrs = new Map<string, Uint8Array>();

  constructor(options: SimulatedTpmOptions = {}) {
    const { kind = "ecc", hash = algorithm.sha256, nameAlg = algorithm.sha256 } = options;
    const endorsement = keyPair(options.endorsement ?? "rsa", 2048, "endorsement");
    this.endorsementKey = endorsement.publicKey;
    this.#endorsementPrivate = endorsement.privateKey;
    const pair = keyPair(kind, options.keyBits ?? 2048, "attestation");
    this.#private = pair.privateKey;
    this.#scheme = kind === "ecc" ? "ecdsa" : (options.scheme ?? "rsassa");
    this.#hash = hash;
    this.#nameAlg = nameAlg;
    const jwk = pair.publicKey.export({ format: "jwk" });
    const part = (text: string | undefined) =>
      Uint8Array.from(Buffer.from(text ?? "", "base64url"));
    const header = {
      nameAlg,
      attributes: options.attributes ?? attestationAttributes,
      authPolicy: new Uint8Array(0),
      symmetric: { kind: "none" },
    } as const;
    this.public =
      kind === "ecc"
        ? encodePublic({
            kind,
            ...header,
            scheme: { kind: "ecdsa", hash },
            curve: 3,
            kdf: algorithm.none,
            x: part(jwk.x),
            y: part(jwk.y),
          })
        : encodePublic({
            kind,
            ...header,
            scheme: { kind: options.scheme ?? "rsassa", hash },
            keyBits: options.keyBits ?? 2048,
            exponent: 0,
            modulus: part(jwk.n),
          });
  }

  /** SubjectPublicKeyInfo of the endorsement key. */
  get endorsementSpki(): Uint8Array {
    return new Uint8Array(this.endorsementKey.export({ format: "der", type: "spki" }));
  }

  /** Extends a PCR in a bank, as firmware would. */
  extend(hash: number, index: number, digest: Uint8Array): void {
    const before = this.#pcr(hash, index);
    const next = createHash(hashName(hash)).update(concat(before, digest)).digest();
    this.pcrs.set(`${hash}:${index}`, new Uint8Array(next));
  }

  /** The four byte strings of an enrollment. `change` forges the attestation before it is signed. */
  attestationParameters(change: (attest: Attest) => Attest = (it) => it): AttestationParameters {
    const createData = encodeCreationData({
      selections: [],
      pcrDigest: new Uint8Array(0),
      locality: 1,
      parentNameAlg: algorithm.sha256,
      parentName: new Uint8Array(34),
      parentQualifiedName: new Uint8Array(34),
      outsideInfo: new Uint8Array(0),
    });
    const honest = {
      kind: "creation",
      ...this.#clockInfo(new Uint8Array(0)),
      objectName: nameOf(this.public),
      creationHash: new Uint8Array(createHash(hashName(this.#nameAlg)).update(createData).digest()),
    } as const;
    const createAttestation = encodeAttest(change(honest));
    const createSignature = this.sign(createAttestation);
    return { public: this.public, createData, createAttestation, createSignature };
  }

  /** Quotes a selection. `change` forges the attestation before it is signed. */
  quote(
    nonce: Uint8Array,
    selection: PcrSelection,
    change: (attest: Attest) => Attest = (it) => it,
  ): Quote {
    const digest = createHash(hashName(this.#hash));
    for (const pcr of selection.pcrs) digest.update(this.#pcr(selection.hash, pcr));
    const honest = {
      kind: "quote",
      ...this.#clockInfo(nonce),
      selections: [selection],
      pcrDigest: new Uint8Array(digest.digest()),
    } as const;
    const quote = encodeAttest(change(honest));
    return { quote, signature: this.sign(quote) };
  }

  /** One quote per bank over all PCRs, and their values: what an honest client sends. */
  evidence(nonce: Uint8Array, banks: readonly number[] = [algorithm.sha256]): QuoteEvidence {
    const selections = banks.map(allPcrs);
    return {
      nonce,
      quotes: selections.map((selection) => this.quote(nonce, selection)),
      pcrs: selections.flatMap(({ hash, pcrs }) =>
        pcrs.map((index): PcrValue => ({ index, hash, digest: this.#pcr(hash, index) })),
      ),
    };
  }

  /** Signs any bytes with the attestation key: what a real restricted key refuses for bytes with the TPM's magic. */
  sign(bytes: Uint8Array): SignatureBytes {
    const hash = this.#hash;
    const name = hashName(hash);
    if (this.#scheme === "ecdsa") {
      const pair = sign(name, bytes, { key: this.#private, dsaEncoding: "ieee-p1363" });
      return encodeSignature({
        kind: "ecdsa",
        hash,
        r: pair.subarray(0, 32),
        s: pair.subarray(32),
      });
    }
    const padding =
      this.#scheme === "rsassa" ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING;
    return encodeSignature({
      kind: this.#scheme,
      hash,
      value: sign(name, bytes, { key: this.#private, padding }),
    });
  }

  /** TPM2_ActivateCredential with this TPM's endorsement key; undefined where a TPM answers INTEGRITY. */
  activate(credential: EncryptedCredential, name = nameOf(this.public)): Uint8Array | undefined {
    const outer = new TpmReader(credential.credentialBlob, "TPM2B_ID_OBJECT");
    const idObject = new TpmReader(outer.sized(512), "TPMS_ID_OBJECT");
    const [mac, identity] = [idObject.sized(64), idObject.rest()];
    const seed = this.#openSeed(credential.secret);
    const hash = findHash(algorithm.sha256);
    if (seed === undefined || hash === undefined) return undefined;
    const empty = new Uint8Array(0);
    const macKey = deriveKeyA(hash, seed, "INTEGRITY", empty, empty, 256);
    const expected = createHmac("sha256", macKey).update(identity).update(name).digest();
    if (!sameBytes(mac, expected)) return undefined;
    const key = deriveKeyA(hash, seed, "STORAGE", name, empty, 128);
    const decipher = createDecipheriv("aes-128-cfb", key, new Uint8Array(16));
    const plain = concat(decipher.update(identity), decipher.final());
    return new TpmReader(plain, "secret").sized(64);
  }

  #openSeed(secret: Uint8Array): Uint8Array | undefined {
    const content = new TpmReader(secret, "TPM2B_ENCRYPTED_SECRET").sized(512);
    const key = this.#endorsementPrivate;
    const hash = findHash(algorithm.sha256);
    if (hash === undefined) return undefined;
    if (key.asymmetricKeyType === "rsa") {
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      const label = utf8("IDENTITY\0");
      try {
        return privateDecrypt({ key, padding, oaepHash: "sha256", oaepLabel: label }, content);
      } catch {
        return undefined;
      }
    }
    const point = new TpmReader(content, "TPMS_ECC_POINT");
    const [x, y] = [point.sized(32), point.sized(32)];
    const own = key.export({ format: "jwk" });
    const jwk = { kty: "EC", crv: "P-256", x: base64url(x), y: base64url(y) };
    const publicKey = createPublicKey({ format: "jwk", key: jwk });
    const shared = diffieHellman({ privateKey: key, publicKey });
    return deriveKeyE(hash, shared, "IDENTITY", x, Buffer.from(own.x ?? "", "base64url"), 256);
  }

  #pcr(hash: number, index: number): Uint8Array {
    return this.pcrs.get(`${hash}:${index}`) ?? new Uint8Array(findHash(hash)?.size ?? 0);
  }

  #clockInfo(extraData: Uint8Array) {
    return {
      qualifiedSigner: new Uint8Array(34).fill(7),
      extraData,
      ...this.clock,
      firmwareVersion: 0x2020000000000000n,
    };
  }
}

/** A P-256 signature with SHA-256 as a TPM encodes it, by any key. */
export function signWith(key: KeyObject, bytes: Uint8Array): SignatureBytes {
  const pair = sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" });
  const [r, s] = [pair.subarray(0, 32), pair.subarray(32)];
  return encodeSignature({ kind: "ecdsa", hash: algorithm.sha256, r, s });
}

/** The attestation with another first four bytes, which no TPM key would sign. */
export function withoutMagic(bytes: AttestBytes): AttestBytes {
  const changed = Uint8Array.from(bytes);
  new DataView(changed.buffer).setUint32(0, generatedMagic ^ 1);
  return claimForm(changed);
}

function hashName(hash: number): string {
  return findHash(hash)?.name ?? "";
}
