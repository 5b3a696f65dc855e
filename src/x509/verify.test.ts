/** Every check of verification has a certificate that fails it and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import {
  hours,
  issueLeaf,
  keyKinds,
  leafContents,
  makeAuthority,
  makeKey,
  testNow,
  testSubject,
} from "../../test/support/certificates.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { purposes } from "./extensions.ts";
import { issueCertificate } from "./issue.ts";
import { attributes, commonNameOf } from "./name.ts";
import { signerOf } from "./signer.ts";
import { clusterNameAttribute, type Purpose, verifyCertificate } from "./verify.ts";

const authority = makeAuthority();
const trusted = [authority.certificate];

function assertRefused(
  certificate: Certificate,
  reason: RegExp,
  given: { authorities?: Certificate[]; now?: Date; purpose?: Purpose } = {},
): void {
  const { authorities = trusted, now = testNow, purpose = "clientAuth" } = given;
  assert.throws(
    () => verifyCertificate(certificate, authorities, now, purpose),
    (error) => {
      assert.ok(isFault(error, "unproven"));
      assert.match(String(error.audit["reason"]), reason);
      assert.doesNotMatch(error.message, reason, "the peer must not learn the reason");
      return true;
    },
  );
}

for (const kind of keyKinds) {
  test(`accepts a leaf of an authority with a key of kind ${kind}`, () => {
    const issuer = makeAuthority(kind);
    const leaf = issueLeaf(issuer);
    const others = [authority.certificate, issuer.certificate];
    assert.equal(verifyCertificate(leaf, others, testNow, "clientAuth"), issuer.certificate);
    assert.equal(verifyCertificate(leaf, others, testNow, "serverAuth"), issuer.certificate);
  });
}

test("accepts the first and the last second of validity, and nothing around them", () => {
  const leaf = issueLeaf(authority);
  verifyCertificate(leaf, trusted, leaf.notBefore, "clientAuth");
  verifyCertificate(leaf, trusted, leaf.notAfter, "clientAuth");
  assertRefused(leaf, /not yet valid/, { now: new Date(leaf.notBefore.getTime() - 1) });
  assertRefused(leaf, /has expired/, { now: new Date(leaf.notAfter.getTime() + 1) });
});

test("refuses a leaf whose authority is not valid at the time", () => {
  const leaf = issueLeaf(authority, { notBefore: hours(-48), notAfter: hours(24 * 400) });
  assertRefused(leaf, /authority is not yet valid/, { now: hours(-30) });
  assertRefused(leaf, /authority has expired/, { now: hours(24 * 366) });
});

test("refuses a leaf of an authority that is not trusted", () => {
  assertRefused(issueLeaf(makeAuthority()), /no authority/);
  assertRefused(issueLeaf(authority), /no authority/, { authorities: [] });
});

test("refuses a leaf that another key signed in the authority's name", () => {
  const impostor = makeAuthority();
  const leaf = parseCertificate(
    issueCertificate(leafContents(authority, impostor.signer.publicKey), impostor.signer),
  );
  assertRefused(leaf, /signature/);
});

test("refuses a leaf whose signature was made with a key of another kind", () => {
  const impostor = makeAuthority("ed25519");
  const leaf = parseCertificate(
    issueCertificate(leafContents(authority, impostor.signer.publicKey), impostor.signer),
  );
  assertRefused(leaf, /signature/);
});

test("refuses every certificate with one changed byte in what is signed", () => {
  const leaf = issueLeaf(authority);
  const start = leaf.encoded.length - leaf.tbs.length - leaf.signature.length;
  for (let at = start; at < start + leaf.tbs.length; at += 7) {
    const changed = leaf.encoded.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    assert.throws(
      () => verifyCertificate(parseCertificate(changed), trusted, testNow, "clientAuth"),
      (error) => isFault(error, "unproven", "malformed"),
      `byte ${at}`,
    );
  }
});

test("refuses an authority's certificate as a peer's (bug class 18: leaf and root confused)", () => {
  assertRefused(authority.certificate, /does not identify a peer/);
  const below = issueLeaf(authority, { authority: true, keyUsage: ["keyCertSign"] });
  assertRefused(below, /does not identify a peer/);
});

test("refuses a leaf that another leaf signed, even when that leaf is in the pool (bug class 19)", () => {
  const key = makeKey("p256");
  const middle = issueLeaf(authority, { publicKey: signerOf(key).publicKey });
  const signer = signerOf(key);
  const contents = leafContents(authority, signer.publicKey, { issuer: middle.subject });
  const { authorityKeyId: _, ...unnamed } = contents;
  const leaf = parseCertificate(issueCertificate(unnamed, signer));
  assertRefused(leaf, /not an authority/, { authorities: [...trusted, middle] });
});

test("refuses an authority whose key may not sign certificates", () => {
  const issuer = makeAuthority();
  const weak = issueLeaf(issuer, {
    subject: issuer.certificate.subject,
    publicKey: issuer.signer.publicKey,
    authority: true,
    keyUsage: ["digitalSignature"],
  });
  assertRefused(issueLeaf(issuer), /not an authority/, { authorities: [weak] });
});

test("refuses a leaf that names another cluster than its authority (bug class 18)", () => {
  const foreign = testSubject.map((rdn) =>
    rdn.type === clusterNameAttribute ? { ...rdn, value: "other.example.com" } : rdn,
  );
  assertRefused(issueLeaf(authority, { subject: foreign }), /another cluster/);
});

test("refuses a leaf that names no cluster, or two", () => {
  const none = testSubject.filter((rdn) => rdn.type !== clusterNameAttribute);
  assertRefused(issueLeaf(authority, { subject: none }), /another cluster/);
  const two = [...testSubject, { type: clusterNameAttribute, value: "example.com" }];
  assertRefused(issueLeaf(authority, { subject: two }), /another cluster/);
});

test("refuses a leaf for another purpose, or for none (bug class 28)", () => {
  const server = issueLeaf(authority, { extendedKeyUsage: [purposes.serverAuth] });
  assertRefused(server, /another purpose/);
  verifyCertificate(server, trusted, testNow, "serverAuth");
  const { extendedKeyUsage: _, ...contents } = leafContents(authority, authority.signer.publicKey);
  assertRefused(parseCertificate(issueCertificate(contents, authority.signer)), /another purpose/);
});

test("refuses a leaf whose key may not sign", () => {
  assertRefused(issueLeaf(authority, { keyUsage: ["keyEncipherment"] }), /may not sign/);
});

test("tells two generations of an authority with one name apart by their key ids", () => {
  const next = makeAuthority();
  const leaf = issueLeaf(next, { issuer: authority.certificate.subject });
  assertRefused(leaf, /no authority/);
});

test("gives the common name only when there is exactly one", () => {
  const twice = [...testSubject, { type: attributes.commonName, value: "root" }];
  assert.equal(commonNameOf(testSubject), "jürgen@example.com");
  assert.equal(commonNameOf(twice), undefined);
  assert.equal(commonNameOf([]), undefined);
});
