/** SSH certificates, the checks on them, and the identity in them. Nothing but the original may pass the checks. */
import assert from "node:assert/strict";
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { decodeExtensions, encodeExtensions } from "#identity/extensions.ts";
import { type Certificate, parseCertificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { fixtureTime, sshAuthority, sshCertificate } from "../fixtures.ts";
import { SeededNumbers } from "../random.ts";
import type { Target } from "../target.ts";

export const sshCertificates: Target = {
  name: "ssh-certificate",
  maxLength: 70_000,
  dictionary: [
    "permit-pty",
    "source-address",
    "force-command",
    "teleport-roles",
    '{"version":"v1","roles":["access"]}',
    "ssh-ed25519-cert-v01@openssh.com",
    "192.0.2.7/32",
    "fe80::1%eth0/128",
    "\0\0\0\0",
  ],
  open() {
    const genuine = [sshCertificate(), sshCertificate({ device: undefined, logins: [] } as object)];
    return {
      seeds: genuine,
      run(input) {
        const certificate = parseCertificate(input);
        assert.ok(sameBytes(certificate.blob, input));
        assert.ok(certificate.signed.length < input.length);
        const good = isGood(certificate);
        assert.ok(!good || genuine.some((each) => sameBytes(each, input)), "a forgery passes");
        return `${good} ${identityOf(certificate)}`;
      },
    };
  },
};

function isGood(certificate: Certificate): boolean {
  try {
    checkCertificate(certificate, {
      type: "user",
      authorities: [sshAuthority.publicKey],
      now: fixtureTime,
      principal: "root",
      sourceAddress: "192.0.2.7",
    });
    return true;
  } catch (error) {
    if (!isFault(error)) throw error;
    return false;
  }
}

/** What is read from extensions can be written into extensions and read again. */
function identityOf(certificate: Certificate): string {
  const identity = decodeExtensions(certificate, "example.com");
  try {
    const encoded = encodeExtensions(identity, new SeededNumbers(1n).bytes);
    const { criticalOptions, extensions, keyId, principals } = encoded;
    const again = decodeExtensions(
      {
        ...{ keyId, principals, validBefore: certificate.validBefore },
        criticalOptions: new Map(Object.entries(criticalOptions)),
        extensions: new Map(Object.entries(extensions)),
      },
      "example.com",
    );
    assert.deepEqual({ ...again, logins: [] }, { ...identity, logins: [] });
  } catch (error) {
    if (!isFault(error, "invalid")) throw error;
    return "not issuable";
  }
  return Object.keys(identity).join();
}
