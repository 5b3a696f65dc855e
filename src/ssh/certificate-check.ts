/**
 * Deciding whether a certificate is good: one list of checks, in the order that costs least and tells a
 * stranger least. Revocation and locks are the caller's, after this.
 */
import { BlockList, isIP } from "node:net";
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Certificate, CertificateType } from "./certificate.ts";
import { decodePublicKey } from "./public-key.ts";
import { signatureAlgorithmOf, verifySignature } from "./signature.ts";

/** What a certificate must be good for. */
export interface CertificatePurpose {
  readonly type: CertificateType;
  /** Plain public key blobs of the authorities that are trusted for this type. */
  readonly authorities: readonly Uint8Array[];
  readonly now: Date;
  /** The login (user) or the host name (host) that must be among the principals. */
  readonly principal: string;
  /** The peer's IP address. Without it a certificate that is pinned to addresses is refused. */
  readonly sourceAddress?: string;
  /** Critical options, besides `source-address`, that the caller enforces itself. */
  readonly knownCriticalOptions?: readonly string[];
}

type Check = (certificate: Certificate, purpose: CertificatePurpose) => string | undefined;

/** In order. Each gives the reason to refuse, or undefined. */
const checks: readonly (readonly [name: string, check: Check])[] = [
  ["type", checkType],
  ["authority", checkAuthority],
  ["signature", checkSignature],
  ["validity", checkValidity],
  ["principal", checkPrincipal],
  ["critical-option", checkCriticalOptions],
  ["source-address", checkSourceAddress],
];

/**
 * Returns if the certificate is good for the purpose, otherwise throws `unproven` with the reason; the
 * audit field `check` names the check. The reason is for logs and for the certificate's own holder: never
 * send it to a peer that has not authenticated.
 */
export function checkCertificate(certificate: Certificate, purpose: CertificatePurpose): void {
  for (const [name, check] of checks) {
    const reason = check(certificate, purpose);
    if (reason !== undefined) throw new Fault("unproven", reason, { audit: { check: name } });
  }
}

function checkType(certificate: Certificate, { type }: CertificatePurpose): string | undefined {
  return certificate.type === type ? undefined : `the SSH certificate is not for a ${type}`;
}

/** Byte equality of the one canonical encoding: an authority is never looked up by anything else. */
function checkAuthority(
  { authority }: Certificate,
  { authorities }: CertificatePurpose,
): string | undefined {
  return authorities.some((trusted) => sameBytes(trusted, authority))
    ? undefined
    : "the SSH certificate is signed by an unknown authority";
}

/** {@link verifySignature} knows no SHA-1, so `ssh-rsa` fails here. */
function checkSignature({ authority, signed, signature }: Certificate): string | undefined {
  const algorithm = signatureAlgorithmOf(signature);
  return verifySignature(decodePublicKey(authority), algorithm, signed, signature)
    ? undefined
    : "the signature of the SSH certificate is wrong";
}

function checkValidity(
  { validAfter, validBefore }: Certificate,
  { now }: CertificatePurpose,
): string | undefined {
  const time = BigInt(Math.floor(now.getTime() / 1000));
  if (time < validAfter) return "the SSH certificate is not valid yet";
  return time < validBefore ? undefined : "the SSH certificate has expired";
}

/** Exact names; host names regardless of case. No patterns, and an empty list is good for nobody. */
function checkPrincipal(
  { type, principals }: Certificate,
  { principal }: CertificatePurpose,
): string | undefined {
  const fold = (name: string): string => (type === "host" ? name.toLowerCase() : name);
  return principals.some((name) => fold(name) === fold(principal))
    ? undefined
    : `"${principal}" is not among the principals of the SSH certificate`;
}

function checkCriticalOptions(
  { type, criticalOptions }: Certificate,
  { knownCriticalOptions = [] }: CertificatePurpose,
): string | undefined {
  for (const name of criticalOptions.keys()) {
    if (type === "user" && name === "source-address") continue;
    if (!knownCriticalOptions.includes(name)) {
      return `the SSH certificate has the critical option "${name}", which is not supported`;
    }
  }
  return undefined;
}

/** A comma-separated list of addresses and networks (OpenSSH PROTOCOL.certkeys, `source-address`). */
function checkSourceAddress(
  { criticalOptions }: Certificate,
  { sourceAddress }: CertificatePurpose,
): string | undefined {
  const list = criticalOptions.get("source-address");
  if (list === undefined) return undefined;
  const address = sourceAddress?.replace(/^::ffff:(?=[\d.]+$)/i, "");
  const family = isIP(address ?? "");
  if (address === undefined || family === 0) return "the address of the peer is not known";
  const allowed = new BlockList();
  for (const entry of list.split(",")) {
    const [network = "", prefix, ...extra] = entry.split("/");
    const version = isIP(network);
    const bits = version === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (version === 0 || extra.length > 0 || length < 0 || length > bits) {
      return "the source-address option of the SSH certificate cannot be read";
    }
    allowed.addSubnet(network, length, version === 4 ? "ipv4" : "ipv6");
  }
  return allowed.check(address, family === 4 ? "ipv4" : "ipv6")
    ? undefined
    : `the SSH certificate is not valid from ${address}`;
}
