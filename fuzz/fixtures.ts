/**
 * Well-formed inputs that every target starts from. Keys are fixed and public, so that a seed number means the same
 * inputs on every machine; they protect nothing.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { concat } from "#base/bytes.ts";
import { encodeExtensions } from "#identity/extensions.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { encodeSubject } from "#identity/subject.ts";
import { issueCertificate as issueSsh } from "#ssh/certificate.ts";
import { keySigner } from "#ssh/signer.ts";
import { issueAuthority } from "#x509/authority.ts";
import { type Certificate, parseCertificate } from "#x509/certificate.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate as issueX509 } from "#x509/issue.ts";
import { signerOf } from "#x509/signer.ts";
import { SeededNumbers } from "./random.ts";

/** The moment at which fixtures are made and judged. */
export const fixtureTime = new Date("2026-11-21T12:00:00Z");

/** An Ed25519 key whose seed is one byte repeated (RFC 8410 section 7). */
export function fixedKey(byte: number): KeyObject {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.from(concat(prefix, new Uint8Array(32).fill(byte)));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** A user with every part that a certificate can carry. */
export const fixtureUser: UserIdentity = {
  kind: "user",
  username: "alice",
  cluster: "example.com",
  roles: ["access", "editor"],
  traits: { logins: ["root", "ubuntu"], team: ["a", "b"] },
  logins: ["root", "ubuntu"],
  expires: new Date(fixtureTime.getTime() + 3_600_000),
  usage: [],
  routeToCluster: "example.com",
  privateKeyPolicy: "none",
  loginIp: "192.0.2.7",
  pinnedIp: "192.0.2.7",
  activeRequests: ["7e1d6d5a-5c1e-4a53-9c86-0a3a6f6a8f11"],
  disallowReissue: false,
  kubernetesUsers: ["alice"],
  kubernetesGroups: ["system:masters"],
  databaseNames: ["*"],
  databaseUsers: ["postgres"],
  device: {
    deviceId: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768",
    assetTag: "C00AA0AAAA0A",
    credentialId: "661c9340-81b0-4a1a-a671-7b1304d28600",
  },
  permit: { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: false },
};

export const sshAuthority = keySigner(fixedKey(1));
export const sshUser = keySigner(fixedKey(2));

/** A user's SSH certificate with all extensions. */
export function sshCertificate(changes: Partial<UserIdentity> = {}): Uint8Array {
  const random = new SeededNumbers(7n).bytes;
  const encoded = encodeExtensions({ ...fixtureUser, ...changes }, random);
  const validAfter = new Date(fixtureTime.getTime() - 60_000);
  const { publicKey } = sshUser;
  return issueSsh(
    {
      ...{ type: "user", publicKey, serial: 7n, validAfter },
      validBefore: fixtureUser.expires,
      ...encoded,
    },
    sshAuthority,
    random,
  );
}

const x509Signer = signerOf(fixedKey(3));

/** The authority of {@link x509Certificate}. */
export const x509Authority: Certificate = parseCertificate(
  issueAuthority(
    {
      clusterName: "example.com",
      notBefore: new Date(fixtureTime.getTime() - 3_600_000),
      notAfter: new Date(fixtureTime.getTime() + 365 * 86_400_000),
      random: new SeededNumbers(8n).bytes,
    },
    x509Signer,
  ),
);

/** A user's X.509 certificate; with host names when `hosts` is set. */
export function x509Certificate(hosts = false): Uint8Array {
  return issueX509(
    {
      serial: 0x1234_5678_9abcn,
      issuer: x509Authority.subject,
      subject: encodeSubject(fixtureUser),
      notBefore: new Date(fixtureTime.getTime() - 60_000),
      notAfter: fixtureUser.expires,
      publicKey: signerOf(fixedKey(4)).publicKey,
      keyUsage: ["digitalSignature", "keyEncipherment"],
      extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
      ...(x509Authority.subjectKeyId ? { authorityKeyId: x509Authority.subjectKeyId } : {}),
      ...(hosts
        ? { dnsNames: ["node.example.com", "*.x"], ipAddresses: ["127.0.0.1", "::1"] }
        : {}),
    },
    x509Signer,
  );
}
