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
    const { authorities, problem } = readAuthorities(entry);
    if (problem === undefined) return authorities;
    throw new Fault("invalid", `entry ${index + 1} of ekcert_allowed_cas ${problem}`, {
      hint: authoritiesHint,
    });
  });
}

/** What to write in the place of an entry with a problem. */
export const authoritiesHint =
  "use the PEM certificate of the TPM maker's root or intermediate authority";

/** The authorities in one entry, or what is wrong with it, as the end of a sentence about it. */
export function readAuthorities(
  entry: string,
):
  | { readonly authorities: EndorsementAuthorities; readonly problem?: undefined }
  | { readonly authorities?: undefined; readonly problem: string } {
  const blocks = entry.match(pemBlock) ?? [];
  if (blocks.length === 0) return { problem: "holds no certificate" };
  const authorities: X509Certificate[] = [];
  for (const block of blocks) {
    const authority = readAuthority(block);
    if (authority === undefined) return { problem: "cannot be read" };
    if (!authority.ca) return { problem: "is not the certificate of an authority" };
    authorities.push(authority);
  }
  return { authorities };
}

function readAuthority(pem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    readPathLength(certificate.raw);
    return certificate;
  } catch {
    return undefined;
  }
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
