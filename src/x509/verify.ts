/**
 * Verifies certificates of the cluster's own authorities: exactly one step, authority to leaf. One
 * ordered list of checks, all made on the very certificate that the peer proved to hold the key of.
 * Locks and roles are not looked at here.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { algorithmInfo } from "./algorithm.ts";
import type { Certificate } from "./certificate.ts";
import { extensionOids, purposes } from "./extensions.ts";
import { commonNameOf, singleValueOf } from "./name.ts";
import { decodePublicKey } from "./public-key.ts";

/** What the holder of the certificate wants to be: the client or the server of a TLS connection. */
export type Purpose = keyof typeof purposes;

/** The subject attribute that names the cluster of a user or host (public API). */
export const clusterNameAttribute = "1.3.9999.1.7";

interface Case {
  readonly certificate: Certificate;
  readonly authority: Certificate;
  readonly now: Date;
  readonly purpose: Purpose;
}

/**
 * The checks of a leaf against the authority that it names, in order. The text goes to the log, not
 * to the peer.
 */
const checks: readonly [reason: string, holds: (given: Case) => boolean][] = [
  ["the issuer is not an authority", ({ authority }) => isAuthority(authority)],
  ["the authority is not yet valid", ({ authority, now }) => now >= authority.notBefore],
  ["the authority has expired", ({ authority, now }) => now <= authority.notAfter],
  [
    "an authority's certificate does not identify a peer",
    ({ certificate }) => !certificate.authority,
  ],
  [
    "the signature does not hold",
    ({ certificate, authority }) => isSignedBy(certificate, authority),
  ],
  ["the certificate is not yet valid", ({ certificate, now }) => now >= certificate.notBefore],
  ["the certificate has expired", ({ certificate, now }) => now <= certificate.notAfter],
  ["a critical extension is unknown", ({ certificate }) => isUnderstood(certificate)],
  ["the public key is not acceptable", ({ certificate }) => isAcceptableKey(certificate.publicKey)],
  [
    "the key may not sign",
    ({ certificate }) => certificate.keyUsage?.includes("digitalSignature") ?? false,
  ],
  [
    "the certificate is for another purpose",
    ({ certificate, purpose }) =>
      certificate.extendedKeyUsage?.includes(purposes[purpose]) ?? false,
  ],
  [
    "the certificate names another cluster than its authority",
    ({ certificate, authority }) => {
      const cluster = singleValueOf(certificate.subject, clusterNameAttribute);
      return cluster !== undefined && cluster === commonNameOf(authority.subject);
    },
  ],
];

/**
 * Verifies that one of the authorities issued the certificate, that it is valid at `now` (both ends
 * included), for this purpose, for the authority's own cluster. Gives the authority. Throws
 * `unproven` with one text for every cause; the cause is in the fault's `audit.reason`.
 */
export function verifyCertificate(
  certificate: Certificate,
  authorities: readonly Certificate[],
  now: Date,
  purpose: Purpose,
): Certificate {
  const candidates = authorities.filter((authority) => mayHaveIssued(authority, certificate));
  let reason = "no authority of this cluster has the name and key id of the issuer";
  for (const authority of candidates) {
    const failed = checks.find(([, holds]) => !holds({ certificate, authority, now, purpose }));
    if (failed === undefined) return authority;
    reason = failed[0];
  }
  throw new Fault("unproven", "the certificate was not accepted", { audit: { reason } });
}

/** True when names and, where both are given, key identifiers fit. */
function mayHaveIssued(authority: Certificate, certificate: Certificate): boolean {
  const { authorityKeyId } = certificate;
  const { subjectKeyId } = authority;
  return (
    sameBytes(authority.encodedSubject, certificate.encodedIssuer) &&
    (authorityKeyId === undefined ||
      subjectKeyId === undefined ||
      sameBytes(authorityKeyId, subjectKeyId))
  );
}

function isAuthority(certificate: Certificate): boolean {
  return (
    certificate.authority &&
    (certificate.keyUsage?.includes("keyCertSign") ?? false) &&
    isUnderstood(certificate)
  );
}

const understood: ReadonlySet<string> = new Set(Object.values(extensionOids));

function isUnderstood(certificate: Certificate): boolean {
  return certificate.extensions.every(({ oid, critical }) => !critical || understood.has(oid));
}

function isAcceptableKey(spki: Uint8Array): boolean {
  try {
    decodePublicKey(spki);
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

/** Keys of authorities that were used before; importing one costs as much as verifying with it. */
const importedKeys = new WeakMap<Certificate, KeyObject>();

/**
 * True when the signature of the certificate was made with the key of the issuer. Looks at nothing
 * else.
 */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const { signatureAlgorithm, tbs, signature } = certificate;
  if (signatureAlgorithm === undefined || !isAcceptableKey(issuer.publicKey)) return false;
  const { hash, keyType } = algorithmInfo(signatureAlgorithm);
  const key = importedKeys.get(issuer) ?? importKey(issuer);
  return key?.asymmetricKeyType === keyType && verify(hash, tbs, key, signature);
}

function importKey(issuer: Certificate): KeyObject | undefined {
  try {
    const encoded = Buffer.from(issuer.publicKey);
    const key = createPublicKey({ key: encoded, format: "der", type: "spki" });
    importedKeys.set(issuer, key);
    return key;
  } catch {
    // A point that is not on its curve: such a key has signed nothing.
    return undefined;
  }
}
