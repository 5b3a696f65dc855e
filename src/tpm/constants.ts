/**
 * Numbers of TPM 2.0 Library Part 2, as tables. Lookups go through `Map`, so no inherited name can match.
 */

/** TPM_ALG_ID (Part 2 section 6.3), those that this product meets. */
export const algorithm = {
  rsa: 0x0001,
  sha1: 0x0004,
  aes: 0x0006,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  none: 0x0010,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

/** A hash algorithm under each of its names. */
export interface HashAlgorithm {
  /** TPM_ALG_ID. */
  readonly id: number;
  /** Name in `node:crypto`. */
  readonly name: string;
  /** Digest length in bytes. */
  readonly size: number;
  /** The number that `digest_alg` of the public API uses: Go's `crypto.Hash`. */
  readonly apiNumber: number;
}

const hashes: readonly HashAlgorithm[] = [
  { id: algorithm.sha1, name: "sha1", size: 20, apiNumber: 3 },
  { id: algorithm.sha256, name: "sha256", size: 32, apiNumber: 5 },
  { id: algorithm.sha384, name: "sha384", size: 48, apiNumber: 6 },
  { id: algorithm.sha512, name: "sha512", size: 64, apiNumber: 7 },
];

const hashById = new Map(hashes.map((hash) => [hash.id, hash]));
const hashByApiNumber = new Map(hashes.map((hash) => [hash.apiNumber, hash]));

/** The hash with this TPM_ALG_ID, or undefined. */
export function findHash(id: number): HashAlgorithm | undefined {
  return hashById.get(id);
}

/** The hash that `digest_alg` of the public API names, or undefined. */
export function findHashOfApi(apiNumber: number | bigint): HashAlgorithm | undefined {
  return hashByApiNumber.get(Number(apiNumber));
}

/** An elliptic curve under each of its names. */
export interface Curve {
  /** TPM_ECC_CURVE (Part 2 section 6.4). */
  readonly id: number;
  /** Name in a JWK. */
  readonly jwk: string;
  /** Name in OpenSSL. */
  readonly openssl: string;
  /** Length of a coordinate in bytes. */
  readonly size: number;
}

const curves = new Map<number, Curve>([
  [3, { id: 3, jwk: "P-256", openssl: "prime256v1", size: 32 }],
  [4, { id: 4, jwk: "P-384", openssl: "secp384r1", size: 48 }],
]);

/** The curve with this TPM_ECC_CURVE, or undefined. */
export function findCurve(id: number): Curve | undefined {
  return curves.get(id);
}

/** The curve with this JWK name, or undefined. */
export function findCurveOfJwk(name: string | undefined): Curve | undefined {
  return [...curves.values()].find((curve) => curve.jwk === name);
}

/** TPMA_OBJECT bits (Part 2 section 8.3). */
export const objectAttribute = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDictionaryAttack: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

/** TPM_GENERATED_VALUE: the first four bytes of everything that a restricted key attests (Part 2 section 6.2). */
export const generatedMagic = 0xff544347;

/** TPM_ST (Part 2 section 6.9). */
export const structureTag = {
  noSessions: 0x8001,
  sessions: 0x8002,
  attestCertify: 0x8017,
  attestQuote: 0x8018,
  attestCreation: 0x801a,
} as const;

/** TPM_RH and TPM_RS_PW (Part 2 section 7.4). */
export const permanentHandle = {
  owner: 0x40000001,
  none: 0x40000007,
  password: 0x40000009,
  endorsement: 0x4000000b,
} as const;

/** Well-known handles and NV indices (TCG Registry of Reserved Handles; EK Credential Profile 2.5 section 2.2). */
export const wellKnown = {
  storageRootKey: 0x81000001,
  rsaEndorsementKey: 0x81010001,
  rsaEndorsementCertificate: 0x01c00002,
  rsaEndorsementNonce: 0x01c00003,
  p256EndorsementCertificate: 0x01c0000a,
  p256EndorsementNonce: 0x01c0000b,
} as const;

/** PCRs 0 to 23: the bank of a PC client TPM. */
export const pcrCount = 24;
