/**
 * Signature algorithms of certificates (RFC 5758, RFC 8410, RFC 4055) and their AlgorithmIdentifier
 * in DER.
 */
import type { DerReader } from "#der/reader.ts";
import { encodeNull, encodeOid, encodeSequence } from "#der/writer.ts";

interface AlgorithmInfo {
  readonly oid: string;
  /** Digest for `node:crypto`; null where the algorithm brings its own. */
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  /** Key type as `node:crypto` names it. */
  readonly keyType: "ec" | "ed25519" | "rsa";
  /** RSA identifiers carry a NULL (RFC 4055 section 5), the others nothing. */
  readonly parameters: "null" | "absent";
}

const algorithms = {
  "ecdsa-sha256": {
    oid: "1.2.840.10045.4.3.2",
    hash: "sha256",
    keyType: "ec",
    parameters: "absent",
  },
  "ecdsa-sha384": {
    oid: "1.2.840.10045.4.3.3",
    hash: "sha384",
    keyType: "ec",
    parameters: "absent",
  },
  "ecdsa-sha512": {
    oid: "1.2.840.10045.4.3.4",
    hash: "sha512",
    keyType: "ec",
    parameters: "absent",
  },
  "rsa-sha256": {
    oid: "1.2.840.113549.1.1.11",
    hash: "sha256",
    keyType: "rsa",
    parameters: "null",
  },
  "rsa-sha384": {
    oid: "1.2.840.113549.1.1.12",
    hash: "sha384",
    keyType: "rsa",
    parameters: "null",
  },
  "rsa-sha512": {
    oid: "1.2.840.113549.1.1.13",
    hash: "sha512",
    keyType: "rsa",
    parameters: "null",
  },
  ed25519: { oid: "1.3.101.112", hash: null, keyType: "ed25519", parameters: "absent" },
} as const satisfies Record<string, AlgorithmInfo>;

/** The signature algorithms that we verify; SHA-1, MD5 and RSA-PSS are not among them. */
export type SignatureAlgorithm = keyof typeof algorithms;

const byOid: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  Object.entries(algorithms).map(([name, { oid }]) => [oid, name as SignatureAlgorithm]),
);

/** The row of the table. */
export function algorithmInfo(algorithm: SignatureAlgorithm): AlgorithmInfo {
  return algorithms[algorithm];
}

/** Encodes the AlgorithmIdentifier. */
export function encodeAlgorithm(algorithm: SignatureAlgorithm): Uint8Array {
  const { oid, parameters } = algorithms[algorithm];
  return parameters === "null"
    ? encodeSequence(encodeOid(oid), encodeNull())
    : encodeSequence(encodeOid(oid));
}

/** Decodes an AlgorithmIdentifier; undefined for one that we do not verify. */
export function decodeAlgorithm(reader: DerReader): SignatureAlgorithm | undefined {
  return reader.readSequence((identifier) => {
    const algorithm = byOid.get(identifier.readOid());
    if (algorithm === undefined) {
      while (!identifier.atEnd) identifier.readAny();
      return undefined;
    }
    if (algorithms[algorithm].parameters === "null") identifier.readNull();
    return algorithm;
  });
}
