/**
 * Public key algorithms: one table from the name that travels in KEXINIT, user authentication and
 * server-sig-algs to what stands in the key blob and in the signature (RFC 4253 section 6.6, RFC 5656,
 * RFC 8332, RFC 8709, OpenSSH PROTOCOL.certkeys). The three differ for RSA, which is where
 * implementations go wrong.
 *
 * SHA-1 (`ssh-rsa` as a signature, `ssh-rsa-cert-v01@openssh.com` as an algorithm) is not in the table.
 */

/** One public key algorithm. */
export interface Algorithm {
  /** The name in negotiation and user authentication. */
  readonly name: string;
  /** The type string at the start of the key blob. */
  readonly blobType: string;
  /** The type string of the plain key, also when the blob is a certificate. */
  readonly keyType: KeyType;
  /** The algorithm name inside a signature. */
  readonly signature: string;
  /** True if the blob is a certificate. */
  readonly certificate: boolean;
  /** The hash that is signed, or null when the algorithm hashes by itself. */
  readonly hash: "sha256" | "sha384" | "sha512" | null;
}

/** The plain key types that we read, write and verify. */
export type KeyType =
  | "ssh-ed25519"
  | "ecdsa-sha2-nistp256"
  | "ecdsa-sha2-nistp384"
  | "ecdsa-sha2-nistp521"
  | "ssh-rsa";

/** A NIST curve: its name in SSH and in a JSON Web Key, and the length of a coordinate in bytes. */
export interface Curve {
  readonly name: string;
  readonly jwk: string;
  readonly size: number;
}

const certificateSuffix = "-cert-v01@openssh.com";

const plain: readonly (readonly [name: string, keyType: KeyType, hash: Algorithm["hash"]])[] = [
  ["ssh-ed25519", "ssh-ed25519", null],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "sha256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "sha384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "sha512"],
  ["rsa-sha2-512", "ssh-rsa", "sha512"],
  ["rsa-sha2-256", "ssh-rsa", "sha256"],
];

const rows: readonly Algorithm[] = plain.flatMap(([name, keyType, hash]) => [
  {
    name: name + certificateSuffix,
    blobType: keyType + certificateSuffix,
    keyType,
    signature: name,
    certificate: true,
    hash,
  },
  { name, blobType: keyType, keyType, signature: name, certificate: false, hash },
]);

// Maps have no inherited names, so a peer that offers "constructor" finds nothing.
const byName: ReadonlyMap<string, Algorithm> = new Map(rows.map((row) => [row.name, row]));

const curves: ReadonlyMap<string, Curve> = new Map(
  [
    { name: "nistp256", jwk: "P-256", size: 32 },
    { name: "nistp384", jwk: "P-384", size: 48 },
    { name: "nistp521", jwk: "P-521", size: 66 },
  ].map((curve) => [`ecdsa-sha2-${curve.name}`, curve]),
);

/** Names of the signature algorithms that we verify, preferred first. What `server-sig-algs` lists (RFC 8308). */
export const signatureAlgorithms: readonly string[] = plain.map(([name]) => name);

/** Every algorithm name that a client accepts for a host key: certificates before plain keys. */
export const hostKeyAlgorithms: readonly string[] = [
  ...rows.filter((row) => row.certificate),
  ...rows.filter((row) => !row.certificate),
].map((row) => row.name);

/** The row of the table with this name, or undefined. */
export function findAlgorithm(name: string): Algorithm | undefined {
  return byName.get(name);
}

/** The algorithms that can be used with a key blob of this type, preferred first. Unknown types have none. */
export function algorithmsOf(blobType: string): readonly Algorithm[] {
  return rows.filter((row) => row.blobType === blobType);
}

/** The plain key type of a certificate type, or undefined if the type is not a certificate that we know. */
export function keyTypeOfCertificate(blobType: string): KeyType | undefined {
  return rows.find((row) => row.certificate && row.blobType === blobType)?.keyType;
}

/** The certificate type for a plain key type. */
export function certificateTypeOf(keyType: string): string {
  return keyType + certificateSuffix;
}

/** The curve of an ECDSA key type, or undefined. */
export function curveOf(keyType: string): Curve | undefined {
  return curves.get(keyType);
}

/** The ECDSA key type of a curve by its JSON Web Key name, or undefined. */
export function keyTypeOfJwkCurve(jwk: string | undefined): string | undefined {
  for (const [keyType, curve] of curves) if (curve.jwk === jwk) return keyType;
  return undefined;
}
