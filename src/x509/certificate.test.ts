/**
 * What is issued reads back the same, for names of any shape; and what cannot be is refused before
 * it is signed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  hours,
  issueLeaf,
  leafContents,
  makeAuthority,
  testSubject,
} from "../../test/support/certificates.ts";
import { parseCertificate } from "./certificate.ts";
import { decodeKeyUsage, encodeKeyUsage } from "./extensions.ts";
import { decodeIpAddress, encodeIpAddress } from "./ip-address.ts";
import { type CertificateContents, issueCertificate, randomSerial } from "./issue.ts";
import { attributes, commonNameOf, formatName, sameName, valuesOf } from "./name.ts";
import { formatCertificatePem, parsePem, parseSinglePem } from "./pem.ts";

const authority = makeAuthority();
const issuer = authority.certificate;

test("reads back every part of a certificate", () => {
  const contents = leafContents(authority, authority.signer.publicKey, {
    dnsNames: ["*.teleport.cluster.local", "localhost"],
    ipAddresses: ["127.0.0.1", "::1"],
    subjectKeyId: Uint8Array.of(1, 2, 3),
  });
  const der = issueCertificate(contents, authority.signer);
  const read = parseCertificate(der);
  assert.deepEqual(read.encoded, der);
  assert.equal(read.serial, contents.serial);
  assert.deepEqual(read.issuer, issuer.subject);
  assert.deepEqual(read.subject, testSubject);
  assert.deepEqual(read.notBefore, contents.notBefore);
  assert.deepEqual(read.notAfter, contents.notAfter);
  assert.deepEqual(Buffer.from(read.publicKey), Buffer.from(authority.signer.publicKey));
  assert.equal(read.authority, false);
  assert.deepEqual(read.keyUsage, contents.keyUsage);
  assert.deepEqual(read.extendedKeyUsage, contents.extendedKeyUsage);
  assert.deepEqual(read.alternativeNames, {
    dns: contents.dnsNames,
    ip: contents.ipAddresses,
    directory: [],
  });
  assert.deepEqual(Buffer.from(read.authorityKeyId ?? []), Buffer.from(issuer.subjectKeyId ?? []));
  assert.deepEqual(Buffer.from(read.subjectKeyId ?? []), Buffer.of(1, 2, 3));
});

test("an authority names its cluster in CN and O and has a serialNumber of its own", () => {
  assert.equal(commonNameOf(issuer.subject), "example.com");
  assert.deepEqual(valuesOf(issuer.subject, attributes.organization), ["example.com"]);
  assert.ok(sameName(issuer.subject, issuer.issuer));
  assert.ok(issuer.authority);
  assert.deepEqual(issuer.keyUsage, [
    "digitalSignature",
    "keyEncipherment",
    "keyCertSign",
    "cRLSign",
  ]);
  const serial = (ca: typeof issuer) => valuesOf(ca.subject, attributes.serialNumber)[0];
  assert.notEqual(serial(issuer), serial(makeAuthority().certificate));
});

test("keeps names of any text, repeated and in order", () => {
  const value = fc
    .string({ unit: "binary", minLength: 1, maxLength: 40 })
    .filter((text) => text.isWellFormed() && !text.includes("\0"));
  const type = fc.constantFrom(...Object.values(attributes), "1.3.9999.1.7", "1.3.9999.3.2");
  const name = fc.array(fc.record({ type, value }, { noNullPrototype: true }), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(name, (subject) => {
      assert.deepEqual(issueLeaf(authority, { subject }).subject, subject);
    }),
    { numRuns: 50 },
  );
});

const impossible: readonly [what: string, changes: Partial<CertificateContents>][] = [
  ["a serial number of zero", { serial: 0n }],
  ["a negative serial number", { serial: -1n }],
  ["a serial number of 21 bytes", { serial: 1n << 160n }],
  ["an end before the beginning", { notBefore: hours(2), notAfter: hours(1) }],
  ["an end that is no time", { notAfter: new Date(Number.NaN) }],
  ["an empty subject", { subject: [] }],
  ["an empty value", { subject: [{ type: "2.5.4.3", value: "" }] }],
  ["a NUL in a value", { subject: [{ type: "2.5.4.3", value: "root\0x" }] }],
  ["half a character in a value", { subject: [{ type: "2.5.4.3", value: "\udc00" }] }],
  ["a type that is no OID", { subject: [{ type: "CN", value: "x" }] }],
  ["no key usage", { keyUsage: [] }],
  ["a host name with a port", { dnsNames: ["example.com:3080"] }],
  ["a host name with a NUL", { dnsNames: ["example.com\0.evil.com"] }],
  ["an empty host name", { dnsNames: [""] }],
  ["a wildcard inside of a name", { dnsNames: ["a.*.example.com"] }],
  ["an address that is none", { ipAddresses: ["127.0.0.256"] }],
  ["an address with a zone", { ipAddresses: ["fe80::1%eth0"] }],
];

for (const [what, changes] of impossible) {
  test(`refuses to issue with ${what}`, () => {
    assert.throws(() => issueLeaf(authority, changes), { code: "invalid" });
  });
}

test("gives serial numbers that are positive and 16 bytes long, whatever the randomness", () => {
  for (const byte of [0, 0x7f, 0x80, 0xff]) {
    const serial = randomSerial((length) => new Uint8Array(length).fill(byte));
    assert.equal(serial.toString(16).length, 32);
    assert.ok(serial >> 127n === 0n);
  }
});

test("reads and writes IP addresses as RFC 5952 prints them", () => {
  const pairs = [
    ["192.0.2.1", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ] as const;
  for (const [text, printed] of pairs) {
    assert.equal(decodeIpAddress(encodeIpAddress(text)), printed);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(encodeIpAddress(decodeIpAddress(bytes)), bytes);
    }),
  );
});

test("reads back every set of key usages", () => {
  const all = ["digitalSignature", "keyEncipherment", "cRLSign", "decipherOnly"] as const;
  fc.assert(
    fc.property(fc.subarray([...all], { minLength: 1 }), (usages) => {
      assert.deepEqual(decodeKeyUsage(encodeKeyUsage(usages)), usages);
    }),
  );
});

test("prints names for people", () => {
  assert.match(
    formatName(issuer.subject),
    /^O = example\.com, CN = example\.com, serialNumber = \d+$/,
  );
});

test("PEM texts read back block by block", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 3 }),
      (blocks) => {
        const text = blocks.map(formatCertificatePem).join("\n");
        assert.deepEqual(parsePem("CERTIFICATE", text), blocks);
        assert.deepEqual(parsePem("CERTIFICATE", text.replaceAll("\n", "\r\n")), blocks);
      },
    ),
  );
  assert.deepEqual(
    parseSinglePem("CERTIFICATE", formatCertificatePem(issuer.encoded)),
    issuer.encoded,
  );
});
