/**
 * Certificates for tests: an authority with a real key, and leaves that differ from a good one in
 * what a test names.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { systemRandom } from "#base/random.ts";
import { issueAuthority } from "#x509/authority.ts";
import { type Certificate, parseCertificate } from "#x509/certificate.ts";
import { purposes } from "#x509/extensions.ts";
import { type CertificateContents, issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes, type Rdn } from "#x509/name.ts";
import { keyIdOf } from "#x509/public-key.ts";
import { type CertificateSigner, signerOf } from "#x509/signer.ts";
import { clusterNameAttribute } from "#x509/verify.ts";

/** The kinds of keys that authorities use. */
export type KeyKind = "p256" | "ed25519" | "rsa-2048" | "rsa-3072";

/** All kinds. */
export const keyKinds: readonly KeyKind[] = ["p256", "ed25519", "rsa-2048", "rsa-3072"];

/** A fresh private key. */
export function makeKey(kind: KeyKind): KeyObject {
  if (kind === "p256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (kind === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  const modulusLength = Number(kind.slice(4));
  return generateKeyPairSync("rsa", { modulusLength }).privateKey;
}

/** Around this moment the certificates of tests are valid. */
export const testNow = new Date("2026-11-21T12:00:00Z");

/** So many hours from {@link testNow}. */
export function hours(count: number): Date {
  return new Date(testNow.getTime() + count * 3_600_000);
}

/** An authority that can sign. */
export interface TestAuthority {
  readonly signer: CertificateSigner;
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

/** A self-signed authority, valid for a year around {@link testNow}. */
export function makeAuthority(kind: KeyKind = "p256", clusterName = "example.com"): TestAuthority {
  const key = makeKey(kind);
  const signer = signerOf(key);
  const validity = { notBefore: hours(-24), notAfter: hours(24 * 365), random: systemRandom };
  const der = issueAuthority({ clusterName, ...validity }, signer);
  return { key, signer, certificate: parseCertificate(der) };
}

/** The subject of a user of the cluster, with repeated attributes and every string type. */
export const testSubject: readonly Rdn[] = [
  { type: attributes.locality, value: "root" },
  { type: attributes.locality, value: "ubuntu" },
  { type: attributes.locality, value: "-teleport-internal-join" },
  { type: attributes.street, value: "example.com" },
  { type: attributes.postalCode, value: '{"logins":["root","ubuntu"]}' },
  { type: attributes.organization, value: "access" },
  { type: attributes.organization, value: "editor" },
  { type: attributes.commonName, value: "jürgen@example.com" },
  { type: clusterNameAttribute, value: "example.com" },
  { type: "1.3.9999.1.9", value: "127.0.0.1" },
  { type: "1.3.9999.3.1", value: "8a41ab32-8c2d-463d-9735-ac13d4f280aa" },
  { type: "1.3.9999.3.2", value: "C00_AA*1&2" },
];

/** The contents of a good leaf of the authority; `changes` replaces parts of it. */
export function leafContents(
  authority: TestAuthority,
  publicKey: Uint8Array,
  changes: Partial<CertificateContents> = {},
): CertificateContents {
  return {
    serial: randomSerial(systemRandom),
    issuer: authority.certificate.subject,
    subject: testSubject,
    notBefore: hours(-1),
    notAfter: hours(12),
    publicKey,
    keyUsage: ["digitalSignature", "keyEncipherment"],
    extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
    authorityKeyId: keyIdOf(authority.signer.publicKey),
    ...changes,
  };
}

/** A leaf of the authority, issued and read back. */
export function issueLeaf(
  authority: TestAuthority,
  changes: Partial<CertificateContents> = {},
): Certificate {
  const publicKey = changes.publicKey ?? signerOf(makeKey("p256")).publicKey;
  return parseCertificate(
    issueCertificate(leafContents(authority, publicKey, changes), authority.signer),
  );
}
