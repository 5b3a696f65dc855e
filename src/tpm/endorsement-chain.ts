/**
 * Whether an endorsement certificate chains to an authority that the cluster's administrator listed (RFC 5280 section 6,
 * reduced to what endorsement certificates need). Revocation is not checked and nothing is fetched.
 */
import { X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";

/** The authorities of `ekcert_allowed_cas`. Every one is an anchor, whether root or intermediate. */
export type EndorsementAuthorities = readonly X509Certificate[];

const maxChain = 6;
const pemBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Parses the entries of `ekcert_allowed_cas`; an entry may hold several PEM blocks. Throws `invalid` otherwise. */
export function parseEndorsementAuthorities(entries: readonly string[]): EndorsementAuthorities {
  return entries.flatMap((entry, index) => {
    const blocks = entry.match(pemBlock) ?? [];
    if (blocks.length === 0) throw notAnAuthority(index, "holds no certificate");
    return blocks.map((block) => parseAuthority(block, index));
  });
}

function parseAuthority(pem: string, index: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw notAnAuthority(index, "cannot be read", cause);
  }
  if (!certificate.ca) throw notAnAuthority(index, "is not the certificate of an authority");
  return certificate;
}

function notAnAuthority(index: number, problem: string, cause?: unknown): Fault {
  return new Fault("invalid", `entry ${index + 1} of ekcert_allowed_cas ${problem}`, {
    hint: "paste the PEM certificate of the TPM vendor's root or intermediate authority",
    cause,
  });
}

/**
 * True when a path of at most six certificates leads from `certificate` to an anchor: each one signed by the next,
 * which must be an authority, and all of them valid at `at`.
 */
export function chainsToAuthority(
  certificate: X509Certificate,
  anchors: EndorsementAuthorities,
  intermediates: readonly X509Certificate[],
  at: Date,
): boolean {
  const reaches = (from: X509Certificate, left: number): boolean => {
    if (left === 0 || !isValidAt(from, at)) return false;
    const isIssuer = (issuer: X509Certificate) => issued(from, issuer);
    if (anchors.some((anchor) => isIssuer(anchor) && isValidAt(anchor, at))) return true;
    return intermediates.filter(isIssuer).some((issuer) => reaches(issuer, left - 1));
  };
  // The anchor is the last of the path.
  return reaches(certificate, maxChain - 1);
}

/** True when `at` lies within the validity of the certificate. */
export function isValidAt(certificate: X509Certificate, at: Date): boolean {
  return certificate.validFromDate <= at && at <= certificate.validToDate;
}

function issued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
