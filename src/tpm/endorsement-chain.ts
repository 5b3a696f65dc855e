/**
 * Whether an endorsement certificate chains to an authority that the cluster's administrator listed (RFC 5280 section 6,
 * reduced to what endorsement certificates need). Revocation is not checked and nothing is fetched.
 */
import { X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { readPathLength } from "./endorsement-certificate.ts";

/** The authorities of `ekcert_allowed_cas`: roots and intermediates. */
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
    readPathLength(certificate.raw);
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
 * True when a path of at most six certificates leads from `certificate` over listed authorities to an anchor: each one signed
 * by the next, and all of them valid at `at`. An authority whose issuer is on the list is an intermediate and counts only
 * through it; every other one is an anchor, root or not.
 */
export function chainsToAuthority(
  certificate: X509Certificate,
  listed: EndorsementAuthorities,
  at: Date,
): boolean {
  /** `below` counts the authorities between `from` and the end of the path. */
  const reaches = (from: X509Certificate, below: number): boolean =>
    below < maxChain - 1 &&
    listed.some(
      (issuer) =>
        issued(from, issuer) &&
        isValidAt(issuer, at) &&
        below <= (readPathLength(issuer.raw) ?? maxChain) &&
        (isAnchor(issuer, listed) || reaches(issuer, below + 1)),
    );
  return isValidAt(certificate, at) && reaches(certificate, 0);
}

function isAnchor(authority: X509Certificate, listed: EndorsementAuthorities): boolean {
  return issued(authority, authority) || !listed.some((issuer) => issued(authority, issuer));
}

/** True when `at` lies within the validity of the certificate. */
export function isValidAt(certificate: X509Certificate, at: Date): boolean {
  return certificate.validFromDate <= at && at <= certificate.validToDate;
}

/** Names and key identifiers fit, the issuer may sign certificates, and did. */
function issued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
