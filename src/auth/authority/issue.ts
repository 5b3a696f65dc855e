/**
 * Issues the certificates of people and of hosts. What may stand in one is decided by the caller; here an identity
 * becomes an SSH certificate and an X.509 certificate that say the same.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { encodeExtensions, encodeHostExtensions } from "#identity/extensions.ts";
import type { SystemIdentity, UserIdentity } from "#identity/identity.ts";
import { encodeSubject } from "#identity/subject.ts";
import { issueCertificate as issueSsh } from "#ssh/certificate.ts";
import { decodePublicKey, formatAuthorizedKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate as issueX509, randomSerial } from "#x509/issue.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import type { Authorities } from "./authorities.ts";

/** Clocks of peers may be behind ours by so much. */
const backdateMs = 60_000;

/** What issuing needs besides the identity. */
export interface IssueContext {
  readonly authorities: Authorities;
  readonly clock: Clock;
  readonly random: Random;
}

/** The public keys of a request; an absent one gets no certificate. */
export interface RequestedKeys {
  /** Plain SSH public key blob. */
  readonly ssh?: Uint8Array | undefined;
  /** SubjectPublicKeyInfo in DER. */
  readonly tls?: Uint8Array | undefined;
}

/** The certificates that were asked for. */
export interface UserCertificates {
  /** SSH certificate blob. */
  readonly ssh?: Uint8Array;
  /** X.509 certificate in DER. */
  readonly tls?: Uint8Array;
}

/** Issues a person's certificates; both end at `identity.expires`. */
export function issueUserCertificates(
  context: IssueContext,
  identity: UserIdentity,
  keys: RequestedKeys,
): UserCertificates {
  const { ssh, tls } = keys;
  return {
    ...(ssh ? { ssh: issueUserSsh(context, identity, ssh) } : {}),
    ...(tls ? { tls: issueTls(context, "user", { identity, publicKey: tls }) } : {}),
  };
}

function issueUserSsh(
  { authorities, clock, random }: IssueContext,
  identity: UserIdentity,
  publicKey: Uint8Array,
): Uint8Array {
  const encoded = encodeExtensions(identity, random);
  return issueSsh(
    {
      type: "user",
      publicKey,
      serial: 0n,
      validAfter: backdated(clock),
      validBefore: identity.expires,
      ...encoded,
    },
    authorities.ssh("user"),
    random,
  );
}

/** What the X.509 certificates of people and of hosts have in common, and the hosts' names. */
interface TlsRequest {
  readonly identity: UserIdentity | SystemIdentity;
  readonly publicKey: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

function issueTls(
  { authorities, clock, random }: IssueContext,
  authority: "user" | "host",
  { identity, ...request }: TlsRequest,
): Uint8Array {
  const { signer, certificate } = authorities.tls(authority);
  return issueX509(
    {
      ...request,
      serial: randomSerial(random),
      issuer: certificate.subject,
      subject: encodeSubject(identity),
      notBefore: backdated(clock),
      notAfter: identity.expires,
      keyUsage: ["digitalSignature", "keyEncipherment"],
      extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
      ...(certificate.subjectKeyId ? { authorityKeyId: certificate.subjectKeyId } : {}),
    },
    signer,
  );
}

function backdated(clock: Clock): Date {
  return new Date(clock.now().getTime() - backdateMs);
}

/** What a host's certificates shall say. */
export interface HostRequest {
  readonly identity: SystemIdentity;
  /** Names and addresses under which the host is reached; exact, no patterns. */
  readonly principals: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Issues the X.509 certificate of a service; gives DER. Good as client and as server. */
export function issueHostTls(
  context: IssueContext,
  { identity, dnsNames, ipAddresses }: HostRequest,
  publicKey: Uint8Array,
): Uint8Array {
  return issueTls(context, "host", { identity, publicKey, dnsNames, ipAddresses });
}

/** Issues the SSH host certificate of a node; gives its blob. */
export function issueHostSsh(
  { authorities, clock, random }: IssueContext,
  request: HostRequest,
  publicKey: Uint8Array,
): Uint8Array {
  return issueSsh(
    {
      type: "host",
      publicKey,
      serial: 0n,
      principals: request.principals,
      validAfter: backdated(clock),
      validBefore: request.identity.expires,
      ...encodeHostExtensions(request.identity),
    },
    authorities.ssh("host"),
    random,
  );
}

/** An SSH certificate as clients receive it: one authorized_keys line. */
export function formatSshCertificate(blob: Uint8Array): string {
  return `${formatAuthorizedKey(blob)}\n`;
}

/** An X.509 certificate as clients receive it. */
export function formatTlsCertificate(der: Uint8Array): string {
  return formatCertificatePem(der);
}

/** The SSH key of a request, from an authorized_keys line; empty text means none. */
export function readSshKey(line: string): Uint8Array | undefined {
  if (line === "") return undefined;
  return decodePublicKey(parseAuthorizedKey(line).blob).blob;
}

/** The TLS key of a request, from PEM (PKIX or PKCS #1), as SubjectPublicKeyInfo; empty text means none. */
export function readTlsKey(pem: string): Uint8Array | undefined {
  if (pem === "") return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: "pem" });
  } catch (cause) {
    throw new Fault("invalid", "the TLS public key is not a PEM public key", { cause });
  }
  if (/PRIVATE KEY/.test(pem))
    throw new Fault("invalid", "a private key was sent; send the public one");
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

/** One key for both certificates, as clients from before the split of keys send it: an authorized_keys line. */
export function keysOfLine(line: string): RequestedKeys {
  const { blob, key } = decodePublicKey(parseAuthorizedKey(line).blob);
  return { ssh: blob, tls: new Uint8Array(key.export({ type: "spki", format: "der" })) };
}
