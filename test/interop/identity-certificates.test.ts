/** ssh-keygen and OpenSSL read the identities in our certificates as the golden listing of the reference shows them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemRandom } from "#base/random.ts";
import { decodeExtensions, encodeExtensions } from "#identity/extensions.ts";
import { decodeSubject, encodeSubject } from "#identity/subject.ts";
import { issueCertificate as issueSsh, parseCertificate as parseSsh } from "#ssh/certificate.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner } from "#ssh/signer.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { issueCertificate } from "#x509/issue.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { hours, makeAuthority, makeKey, testNow } from "../support/certificates.ts";
import { makeUser, testDevice } from "../support/identity.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-identity-"));
after(() => rmSync(folder, { recursive: true }));

const alice = makeUser({
  roles: ["access", "editor", "auditor"],
  expires: hours(12),
  loginIp: "127.0.0.1",
  pinnedIp: "127.0.0.1",
  device: { ...testDevice, assetTag: "TAG_1&2*" },
});

test("ssh-keygen lists principals, critical option and extensions in the form of the reference", () => {
  const blob = issueSsh(
    {
      type: "user",
      publicKey: keySigner(makeKey("ed25519")).publicKey,
      serial: 0n,
      validAfter: testNow,
      validBefore: alice.expires,
      ...encodeExtensions(alice, systemRandom),
    },
    keySigner(makeKey("ed25519")),
    systemRandom,
  );
  const path = join(folder, "alice-cert.pub");
  writeFileSync(path, `${formatAuthorizedKey(blob)}\n`);
  const listing = execFileSync("ssh-keygen", ["-L", "-f", path], { encoding: "utf8" });
  const lines = listing.split("\n").map((line) => line.trim());
  const value = (text: string): string => {
    const hex = Buffer.from(text).toString("hex");
    const length = text.length.toString(16).padStart(8, "0");
    return `UNKNOWN OPTION: ${length}${hex} (len ${text.length + 4})`;
  };
  const roles = '{"version":"v1","roles":["access","editor","auditor"]}';
  for (const expected of [
    'Key ID: "alice"',
    "Serial: 0",
    "root",
    "ubuntu",
    "-teleport-internal-join",
    "source-address 127.0.0.1/32",
    `login-ip ${value("127.0.0.1")}`,
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    `private-key-policy ${value("none")}`,
    `teleport-device-asset-tag ${value("TAG_1&2*")}`,
    `teleport-device-credential-id ${value(testDevice.credentialId)}`,
    `teleport-device-id ${value(testDevice.deviceId)}`,
    `teleport-roles ${value(roles)}`,
    `teleport-route-to-cluster ${value("example.com")}`,
  ]) {
    assert.ok(lines.includes(expected), `${expected}\nis missing in\n${listing}`);
  }
  assert.deepEqual(decodeExtensions(parseSsh(blob), "example.com"), alice);
});

test("openssl shows every attribute of the subject", () => {
  const authority = makeAuthority("p256");
  const key = createPublicKey(makeKey("p256")).export({ type: "spki", format: "der" });
  const der = issueCertificate(
    {
      serial: 7n,
      issuer: authority.certificate.subject,
      subject: encodeSubject(alice),
      notBefore: testNow,
      notAfter: alice.expires,
      publicKey: new Uint8Array(key),
      keyUsage: ["digitalSignature", "keyEncipherment"],
      extendedKeyUsage: [],
    },
    authority.signer,
  );
  const path = join(folder, "alice.pem");
  writeFileSync(path, formatCertificatePem(der));
  const subject = execFileSync(
    "openssl",
    ["x509", "-noout", "-subject", "-nameopt", "sep_multiline,utf8", "-in", path],
    { encoding: "utf8" },
  );
  for (const expected of [
    "CN=alice",
    "O=access",
    "O=editor",
    "L=root",
    "L=-teleport-internal-join",
    "street=example.com",
    'postalCode={"logins":["root","ubuntu"]}',
    "1.3.9999.1.7=example.com",
    "1.3.9999.1.9=127.0.0.1",
    "1.3.9999.1.15=none",
    "1.3.9999.2.15=127.0.0.1",
    `1.3.9999.3.1=${testDevice.deviceId}`,
    "1.3.9999.3.2=TAG_1&2*",
    `1.3.9999.3.3=${testDevice.credentialId}`,
  ]) {
    assert.ok(subject.includes(`\n    ${expected}\n`), `${expected}\nis missing in\n${subject}`);
  }
  const parsed = parseCertificate(der);
  const { permit: _ssh, ...identity } = alice;
  const { permit, ...decoded } = decodeSubject(parsed.subject, parsed.notAfter, "user");
  assert.deepEqual(decoded, identity);
  assert.deepEqual(Object.values(permit), [false, false, false, false]);
});
