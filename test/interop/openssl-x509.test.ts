/**
 * OpenSSL's command line and Node's own parser judge our certificates, for every kind of authority
 * key.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseCertificate } from "#x509/certificate.ts";
import { issueCertificate } from "#x509/issue.ts";
import { formatCertificatePem, parseSinglePem } from "#x509/pem.ts";
import { signerOf } from "#x509/signer.ts";
import {
  issueLeaf,
  keyKinds,
  leafContents,
  makeAuthority,
  makeKey,
  testNow,
} from "../support/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-openssl-"));
after(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function save(name: string, der: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, formatCertificatePem(der));
  return path;
}

const names = {
  dnsNames: ["*.teleport.cluster.local", "localhost"],
  ipAddresses: ["127.0.0.1", "2001:db8::1"],
};

for (const kind of keyKinds) {
  test(`openssl reads and verifies certificates of an authority with a key of kind ${kind}`, () => {
    const authority = makeAuthority(kind);
    const leaf = issueLeaf(authority, names);
    const ca = save(`${kind}-ca.pem`, authority.certificate.encoded);
    const user = save(`${kind}-user.pem`, leaf.encoded);
    const at = String(testNow.getTime() / 1000);
    const verify = (purpose: string) =>
      openssl("verify", "-x509_strict", "-attime", at, "-purpose", purpose, "-CAfile", ca, user);
    assert.match(verify("sslclient"), /: OK/);
    assert.match(verify("sslserver"), /: OK/);
    assert.throws(() => openssl("verify", "-attime", "1", "-CAfile", ca, user));

    const text = openssl(
      "x509",
      "-noout",
      "-text",
      "-nameopt",
      "utf8,sep_comma_plus_space",
      "-in",
      user,
    );
    assert.match(text, /Version: 3 \(0x2\)/);
    assert.match(text, /Issuer: O=example\.com, CN=example\.com, serialNumber=\d+/);
    assert.match(
      text,
      /Subject: L=root, L=ubuntu, L=-teleport-internal-join, street=example\.com,/,
    );
    assert.match(
      text,
      /postalCode=\{"logins":\["root","ubuntu"\]\}, O=access, O=editor, CN=jürgen@example\.com/,
    );
    assert.match(text, /1\.3\.9999\.3\.2=C00_AA\*1&2/);
    assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication/);
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
    assert.match(
      text,
      /DNS:\*\.teleport\.cluster\.local, DNS:localhost, IP Address:127\.0\.0\.1, IP Address:2001:DB8:0:0:0:0:0:1/,
    );
    const root = openssl("x509", "-noout", "-text", "-in", ca);
    assert.match(root, /Digital Signature, Key Encipherment, Certificate Sign, CRL Sign/);
    assert.match(root, /CA:TRUE/);
    assert.match(openssl("verify", "-x509_strict", "-attime", at, "-CAfile", ca, ca), /: OK/);
  });

  test(`Node reads and verifies certificates of an authority with a key of kind ${kind}`, () => {
    const authority = makeAuthority(kind);
    const leaf = issueLeaf(authority, names);
    const judge = new X509Certificate(leaf.encoded);
    const issuer = new X509Certificate(authority.certificate.encoded);
    assert.ok(judge.verify(createPublicKey(authority.key)));
    assert.ok(judge.checkIssued(issuer));
    assert.equal(judge.ca, false);
    assert.equal(issuer.ca, true);
    assert.equal(judge.checkHost("x.teleport.cluster.local"), "*.teleport.cluster.local");
    assert.equal(judge.checkIP("2001:db8::1"), "2001:db8::1");
    assert.equal(BigInt(`0x${judge.serialNumber}`), leaf.serial);
    assert.equal(judge.validFromDate.getTime(), leaf.notBefore.getTime());
    assert.equal(judge.validToDate.getTime(), leaf.notAfter.getTime());
    assert.deepEqual(
      judge.publicKey.export({ type: "spki", format: "der" }),
      Buffer.from(leaf.publicKey),
    );
  });

  test(`certifies a holder's key of kind ${kind}`, () => {
    const authority = makeAuthority();
    const { publicKey } = signerOf(makeKey(kind));
    const der = issueCertificate(leafContents(authority, publicKey), authority.signer);
    const path = save(`${kind}-holder.pem`, der);
    const pem = openssl("x509", "-noout", "-pubkey", "-in", path);
    assert.deepEqual(Buffer.from(parseSinglePem("PUBLIC KEY", pem)), Buffer.from(publicKey));
  });
}

test("reads a certificate that openssl made", () => {
  const path = join(folder, "foreign.pem");
  const key = join(folder, "foreign.key");
  openssl(
    ...[
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-384",
      "-nodes",
      "-keyout",
      key,
    ],
    ...["-out", path, "-days", "30", "-subj", "/CN=Test Co/O=a & b/OU=x_y", "-utf8"],
    ...["-addext", "subjectAltName=DNS:a.example.com,IP:::1,email:a@example.com"],
  );
  const pem = openssl("x509", "-in", path);
  const certificate = parseCertificate(parseSinglePem("CERTIFICATE", pem));
  assert.deepEqual(
    certificate.subject.map((rdn) => rdn.value),
    ["Test Co", "a & b", "x_y"],
  );
  assert.equal(certificate.authority, true);
  assert.deepEqual(certificate.alternativeNames.dns, ["a.example.com"]);
  assert.deepEqual(certificate.alternativeNames.ip, ["::1"]);
});
