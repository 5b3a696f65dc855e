import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Fault, isFault } from "#base/fault.ts";
import {
  asOaepKey,
  createTestIssuer,
  issueTestCertificate,
  type TestCertificate,
  toPem,
} from "../../test/support/endorsement-certificates.ts";
import { assertRefused } from "../../test/support/refusals.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import { judgeEndorsement } from "./endorsement.ts";
import { parseEndorsementCertificate } from "./endorsement-certificate.ts";
import { chainsToAuthority, parseEndorsementAuthorities } from "./endorsement-chain.ts";

const real = loadTpmVector("rsa-two-banks");
const realCertificate = real.endorsementCertificate ?? assert.fail();
const at = new Date("2026-11-21T12:00:00Z");
const anyVendor = { authorities: [], at };
const endorsementUsage = "2.23.133.8.1";

const root = createTestIssuer("Vendor Root");
const authority = createTestIssuer("Vendor Issuing");
const rootDer = issueTestCertificate({
  issuer: root,
  subject: "Vendor Root",
  spki: root.spki,
  isAuthority: true,
});
const authorityDer = issueTestCertificate({
  issuer: root,
  subject: "Vendor Issuing",
  spki: authority.spki,
  isAuthority: true,
});
const tpmKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
const tpmSpki = new Uint8Array(tpmKey.export({ format: "der", type: "spki" }));

function issue(changes: Partial<TestCertificate> = {}): Uint8Array {
  const usages = [endorsementUsage];
  return issueTestCertificate({ issuer: authority, spki: tpmSpki, usages, ...changes });
}

function refuses(reason: string, certificate: Uint8Array, pems: readonly string[] = []): void {
  const authorities = parseEndorsementAuthorities(pems);
  assertRefused(reason, () => judgeEndorsement({ certificate }, { authorities, at }));
}

test("reads the certificate of a manufactured TPM", () => {
  const { attestationType, publicKeyHash, certificate } = judgeEndorsement(
    { certificate: realCertificate },
    { authorities: [], at: real.at },
  );
  assert.equal(attestationType, "tpm_ekcert");
  assert.match(publicKeyHash, /^[0-9a-f]{64}$/);
  assert.deepEqual(certificate?.usages, [endorsementUsage]);
  const { manufacturer, model, version } = certificate ?? assert.fail();
  assert.deepEqual([manufacturer, model, version].map(Boolean), [true, true, true]);
});

test("gives the bare key and the certificate of one TPM the same hash", () => {
  const policy = { authorities: [], at: real.at };
  const byKey = judgeEndorsement({ key: real.endorsementKey }, policy);
  const byCertificate = judgeEndorsement({ certificate: realCertificate }, policy);
  assert.equal(byKey.attestationType, "tpm_ekpub");
  assert.equal(byKey.publicKeyHash, byCertificate.publicKeyHash);
});

test("marks a certificate that chains to a listed authority as trusted", () => {
  const authorities = parseEndorsementAuthorities([real.issuerPem ?? ""]);
  const policy = { authorities, at: real.at };
  const { attestationType } = judgeEndorsement({ certificate: realCertificate }, policy);
  assert.equal(attestationType, "tpm_ekcert_trusted");
});

test("cuts the padding of NV memory and the header of the older form", () => {
  const der = issue();
  const padded = Uint8Array.from([...der, ...new Uint8Array(100).fill(0xff)]);
  const wrapped = Uint8Array.from([0x10, 0x01, 0x00, der.length >> 8, der.length & 0xff, ...der]);
  for (const bytes of [padded, wrapped]) {
    assert.deepEqual(new Uint8Array(parseEndorsementCertificate(bytes).certificate.raw), der);
  }
});

test("reads a key that the certificate declares as RSAES-OAEP", () => {
  const { key } = parseEndorsementCertificate(issue({ spki: asOaepKey(tpmKey) }));
  assert.deepEqual(new Uint8Array(key.export({ format: "der", type: "spki" })), tpmSpki);
  assert.ok(judgeEndorsement({ key: asOaepKey(tpmKey) }, anyVendor));
});

test("formats the serial number as lower-case pairs without a sign byte", () => {
  assert.equal(parseEndorsementCertificate(issue({ serial: 0xa1b2c3n })).serial, "a1:b2:c3");
  assert.equal(parseEndorsementCertificate(issue({ serial: 5n })).serial, "05");
});

test("reads maker, model and firmware from the directory name", () => {
  const names = [
    ["2.23.133.2.1", "id:57454300"],
    ["2.23.133.2.2", "NPCT75x"],
    ["2.23.133.2.3", "id:00070002"],
  ] as const;
  const certificate = parseEndorsementCertificate(issue({ names }));
  assert.equal(certificate.manufacturer, "id:57454300");
  assert.equal(certificate.model, "NPCT75x");
  assert.equal(certificate.version, "id:00070002");
});

test("accepts a certificate without an extended key usage", () => {
  const der = issueTestCertificate({ issuer: authority, spki: tpmSpki });
  assert.equal(judgeEndorsement({ certificate: der }, anyVendor).attestationType, "tpm_ekcert");
});

test("refuses a certificate for other usages only, also when the list is empty", () => {
  refuses("ek_usage", issue({ usages: ["1.3.6.1.5.5.7.3.2"] }));
  refuses("ek_usage", issue({ usages: [] }));
});

test("refuses the certificate of an authority", () => {
  refuses("ek_certificate_is_ca", issue({ isAuthority: true }));
});

test("refuses a certificate before and after its validity", () => {
  refuses("ek_validity", issue({ notBefore: new Date("2027-01-01T00:00:00Z") }));
  refuses("ek_validity", issue({ notAfter: new Date("2026-01-01T00:00:00Z") }));
});

test("refuses a bare key where the cluster lists authorities", () => {
  const authorities = parseEndorsementAuthorities([toPem(rootDer)]);
  assertRefused("ek_certificate_required", () =>
    judgeEndorsement({ key: tpmSpki }, { authorities, at }),
  );
});

test("refuses a certificate of an authority that is not listed", () => {
  const stranger = createTestIssuer("Vendor Issuing");
  refuses("ek_untrusted", issue({ issuer: stranger }), [toPem(authorityDer)]);
});

test("refuses keys that no default template makes", () => {
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
  const ed25519 = generateKeyPairSync("ed25519").publicKey;
  for (const key of [small, p384, ed25519]) {
    const spki = new Uint8Array(key.export({ format: "der", type: "spki" }));
    assertRefused("ek_key", () => judgeEndorsement({ key: spki }, anyVendor));
  }
});

test("refuses bytes behind a bare key", () => {
  const longer = Uint8Array.from([...tpmSpki, 0]);
  assertRefused("ek_key", () => judgeEndorsement({ key: longer }, anyVendor));
});

test("refuses bytes that are no certificate, and one larger than any vendor makes", () => {
  refuses("ek_certificate", new Uint8Array(0));
  refuses("ek_certificate", Uint8Array.from([0x30, 0x80, 0, 0]));
  const name = "x".repeat(9000);
  refuses("ek_certificate", issue({ names: [["2.23.133.2.1", name]] }));
});

test("returns or throws a fault for any mutation of a certificate, and trusts none", () => {
  const der = issue();
  const authorities = parseEndorsementAuthorities([toPem(authorityDer)]);
  fc.assert(
    fc.property(
      fc.nat({ max: der.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (place, bits) => {
        const mutated = der.with(place, (der[place] ?? 0) ^ bits);
        try {
          judgeEndorsement({ certificate: mutated }, { authorities, at });
          return false;
        } catch (error) {
          return error instanceof Fault;
        }
      },
    ),
    { numRuns: 5000 },
  );
});

function chains(listed: Uint8Array[], when = at): boolean {
  const { certificate } = parseEndorsementCertificate(issue());
  return chainsToAuthority(certificate, parseEndorsementAuthorities(listed.map(toPem)), when);
}

/** The certificate of `Vendor Issuing`, otherwise than usual. */
function authorityWith(changes: Partial<TestCertificate>): Uint8Array {
  return issueTestCertificate({
    ...{ issuer: root, subject: "Vendor Issuing", spki: authority.spki, isAuthority: true },
    ...changes,
  });
}

test("chains to a listed root through a listed intermediate, and to an intermediate alone", () => {
  assert.ok(chains([rootDer, authorityDer]));
  assert.ok(chains([authorityDer, rootDer]));
  assert.ok(chains([authorityDer]));
});

test("does not chain when the intermediate is missing or nothing is listed", () => {
  assert.equal(chains([rootDer]), false);
  assert.equal(chainsToAuthority(parseEndorsementCertificate(issue()).certificate, [], at), false);
});

test("does not chain through an expired intermediate or to an expired anchor", () => {
  const ended = new Date("2026-01-01T00:00:00Z");
  const expired = authorityWith({ notAfter: ended });
  assert.equal(chains([rootDer, expired]), false);
  assert.equal(chains([expired]), false);
  const oldRoot = issueTestCertificate({
    ...{ issuer: root, subject: "Vendor Root", spki: root.spki, isAuthority: true },
    notAfter: ended,
  });
  assert.equal(chains([oldRoot, authorityDer]), false);
});

test("takes another certificate of the same authority when one does not do", () => {
  const expired = authorityWith({ notAfter: new Date("2026-01-01T00:00:00Z") });
  assert.ok(chains([rootDer, expired, authorityDer]));
});

test("does not chain through more authorities than one of them allows below itself", () => {
  const narrow = issueTestCertificate({
    ...{ issuer: root, subject: "Vendor Root", spki: root.spki, isAuthority: true },
    pathLength: 0,
  });
  assert.equal(chains([narrow, authorityDer]), false);
  assert.ok(chains([rootDer, authorityWith({ pathLength: 0 })]));
});

test("ends on authorities that sign each other, of which none is an anchor", () => {
  const loop = issueTestCertificate({
    issuer: authority,
    subject: "Vendor Root",
    spki: root.spki,
    isAuthority: true,
  });
  assert.equal(chains([authorityDer, loop]), false);
});

test("follows a path of six certificates and none of seven, however many others are listed", () => {
  const middle = Array.from({ length: 5 }, (_, i) => createTestIssuer(`Authority ${i}`));
  const issuers = [root, ...middle];
  const ders = middle.map((each, i) => {
    const issuer = issuers[i] ?? assert.fail();
    const { name: subject, spki } = each;
    return issueTestCertificate({ issuer, subject, spki, isAuthority: true });
  });
  const listed = parseEndorsementAuthorities([rootDer, ...ders, authorityDer].map(toPem));
  const leafOf = (issuer = authority) => parseEndorsementCertificate(issue({ issuer })).certificate;
  assert.ok(chainsToAuthority(leafOf(middle[3]), listed, at));
  assert.equal(chainsToAuthority(leafOf(middle[4]), listed, at), false);
});

test("names the entry of the list that is not an authority", () => {
  for (const entry of [
    "nonsense",
    toPem(issue()),
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
  ]) {
    assert.throws(
      () => parseEndorsementAuthorities([toPem(rootDer), entry]),
      (error) => isFault(error, "invalid") && error.message.startsWith("entry 2 "),
    );
  }
});

test("takes several certificates from one entry", () => {
  const both = toPem(rootDer) + toPem(authorityDer);
  assert.equal(parseEndorsementAuthorities([both]).length, 2);
});
