/**
 * Certificates, keys and PEM texts that no honest peer sends: each is refused as `malformed`, by
 * name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { contextTag, tags } from "#der/tags.ts";
import {
  encodeBitString,
  encodeBoolean,
  encodeElement,
  encodeExplicit,
  encodeInteger,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeText,
  encodeTime,
} from "#der/writer.ts";
import { hours, makeAuthority } from "../../test/support/certificates.ts";
import { encodeAlgorithm } from "./algorithm.ts";
import { parseCertificate } from "./certificate.ts";
import {
  decodeAlternativeNames,
  decodeAuthorityKeyId,
  decodeBasicConstraints,
  decodeExtendedKeyUsage,
  decodeKeyUsage,
  decodeSubjectKeyId,
  encodeExtension,
} from "./extensions.ts";
import { encodeName } from "./name-der.ts";
import { parsePem, parseSinglePem } from "./pem.ts";
import { decodePublicKey } from "./public-key.ts";

const authority = makeAuthority("ed25519");
const good = authority.certificate;
const algorithm = encodeAlgorithm("ed25519");
const name = encodeName([{ type: "2.5.4.3", value: "x" }]);
const extension = encodeExtension({ oid: "1.2.3", critical: false, value: new Uint8Array() });

const parts = {
  version: encodeExplicit(0, encodeInteger(2n)),
  serial: encodeInteger(1n),
  algorithm,
  issuer: name,
  validity: encodeSequence(encodeTime(hours(0)), encodeTime(hours(1))),
  subject: name,
  publicKey: authority.signer.publicKey,
  extensions: encodeExplicit(3, encodeSequence(extension)),
};

function build(changes: Partial<Record<keyof typeof parts, Uint8Array>>, outer = algorithm) {
  const tbs = encodeSequence(...Object.values({ ...parts, ...changes }));
  return encodeSequence(tbs, outer, encodeBitString(new Uint8Array(64)));
}

test("the unchanged parts make a certificate", () => {
  assert.equal(parseCertificate(build({})).serial, 1n);
});

const none = new Uint8Array();
const attribute = encodeSequence(encodeOid("2.5.4.3"), encodeText("x"));
const attacks: readonly [what: string, der: Uint8Array][] = [
  ["nothing", none],
  ["a short certificate", good.encoded.subarray(0, good.encoded.length - 1)],
  ["a byte after the certificate", concat(good.encoded, Uint8Array.of(0))],
  ["a second certificate after the first", concat(good.encoded, good.encoded)],
  ["an oversized certificate", new Uint8Array(65 * 1024)],
  ["version 1", build({ version: none, extensions: none })],
  ["version 2", build({ version: encodeExplicit(0, encodeInteger(1n)) })],
  ["version 4", build({ version: encodeExplicit(0, encodeInteger(3n)) })],
  ["a negative serial number", build({ serial: encodeInteger(-5n) })],
  ["a serial number of 22 bytes", build({ serial: encodeInteger(1n << 168n) })],
  ["two different algorithms", build({}, encodeAlgorithm("ecdsa-sha256"))],
  ["an empty RDN", build({ subject: encodeSequence(encodeElement(tags.set)) })],
  [
    "a NUL in a name",
    build({
      subject: encodeSequence(
        encodeElement(
          tags.set,
          encodeSequence(
            encodeOid("2.5.4.3"),
            encodeElement(tags.utf8String, Uint8Array.of(65, 0, 66)),
          ),
        ),
      ),
    }),
  ],
  [
    "a name that is no text",
    build({
      subject: encodeSequence(
        encodeElement(tags.set, encodeSequence(encodeOid("2.5.4.3"), encodeInteger(1n))),
      ),
    }),
  ],
  [
    "an attribute with a third part",
    build({
      subject: encodeSequence(
        encodeElement(
          tags.set,
          encodeSequence(encodeOid("2.5.4.3"), encodeText("x"), encodeNull()),
        ),
      ),
    }),
  ],
  [
    "2000 attributes in a name",
    build({
      subject: encodeSequence(...Array<Uint8Array>(2000).fill(encodeElement(tags.set, attribute))),
    }),
  ],
  [
    "a third time",
    build({
      validity: encodeSequence(encodeTime(hours(0)), encodeTime(hours(1)), encodeTime(hours(2))),
    }),
  ],
  [
    "the same extension twice",
    build({ extensions: encodeExplicit(3, encodeSequence(extension, extension)) }),
  ],
  ["something after the extensions", build({ extensions: concat(parts.extensions, encodeNull()) })],
  [
    "a unique identifier",
    build({ subject: concat(name, encodeElement(contextTag(1), Uint8Array.of(0))) }),
  ],
  [
    "a written default in an extension",
    build({
      extensions: encodeExplicit(
        3,
        encodeSequence(
          encodeSequence(encodeOid("1.2.3"), encodeBoolean(false), encodeOctetString(none)),
        ),
      ),
    }),
  ],
  [
    "parameters of an algorithm that has none",
    build(
      { algorithm: encodeSequence(encodeOid("1.3.101.112"), encodeNull()) },
      encodeSequence(encodeOid("1.3.101.112"), encodeNull()),
    ),
  ],
  [
    "a signature of half bytes",
    encodeSequence(
      encodeSequence(...Object.values(parts)),
      algorithm,
      encodeBitString(Uint8Array.of(0xf0), 4),
    ),
  ],
];

for (const [what, der] of attacks) {
  test(`refuses ${what}`, () => {
    assert.throws(() => parseCertificate(der), { code: "malformed" });
  });
}

const values: readonly [what: string, decode: (value: Uint8Array) => unknown, value: Uint8Array][] =
  [
    ["a key usage without bits", decodeKeyUsage, encodeBitString(none)],
    ["a key usage with zeros at its end", decodeKeyUsage, encodeBitString(Uint8Array.of(0x80), 0)],
    ["a key usage of ten bits", decodeKeyUsage, encodeBitString(Uint8Array.of(0x80, 0x40), 6)],
    ["a key usage of 40 bits", decodeKeyUsage, encodeBitString(new Uint8Array(5).fill(1), 0)],
    ["an empty extended key usage", decodeExtendedKeyUsage, encodeSequence()],
    [
      "a path length without an authority",
      decodeBasicConstraints,
      encodeSequence(encodeInteger(0n)),
    ],
    [
      "a negative path length",
      decodeBasicConstraints,
      encodeSequence(encodeBoolean(true), encodeInteger(-1n)),
    ],
    [
      "a huge path length",
      decodeBasicConstraints,
      encodeSequence(encodeBoolean(true), encodeInteger(1n << 64n)),
    ],
    [
      "a host name with a NUL",
      decodeAlternativeNames,
      encodeSequence(encodeElement(contextTag(2), Buffer.from("a\0b"))),
    ],
    [
      "an address of five bytes",
      decodeAlternativeNames,
      encodeSequence(encodeElement(contextTag(7), new Uint8Array(5))),
    ],
    [
      "an empty authority key id",
      decodeAuthorityKeyId,
      encodeSequence(encodeElement(contextTag(0))),
    ],
    ["a long subject key id", decodeSubjectKeyId, encodeOctetString(new Uint8Array(65))],
  ];

for (const [what, decode, value] of values) {
  test(`refuses ${what}`, () => assert.throws(() => decode(value), { code: "malformed" }));
}

const rsa = encodeSequence(encodeOid("1.2.840.113549.1.1.1"), encodeNull());
const p256 = encodeSequence(encodeOid("1.2.840.10045.2.1"), encodeOid("1.2.840.10045.3.1.7"));
const modulus = (1n << 2047n) | 1n;
const rsaKey = (n: bigint, e: bigint) =>
  encodeSequence(rsa, encodeBitString(encodeSequence(encodeInteger(n), encodeInteger(e))));
const keys: readonly [what: string, spki: Uint8Array][] = [
  ["an RSA key of 1024 bits", rsaKey((1n << 1023n) | 1n, 65537n)],
  ["an RSA key of 2047 bits", rsaKey((1n << 2046n) | 1n, 65537n)],
  ["an RSA key with an even modulus", rsaKey(1n << 2047n, 65537n)],
  ["an RSA key with exponent 1", rsaKey(modulus, 1n)],
  ["an RSA key with an even exponent", rsaKey(modulus, 65536n)],
  ["an RSA key with an exponent of 5 bytes", rsaKey(modulus, (1n << 32n) | 1n)],
  ["an RSA key with a negative modulus", rsaKey(-modulus, 65537n)],
  ["a compressed point", encodeSequence(p256, encodeBitString(new Uint8Array(33).fill(2)))],
  ["a short point", encodeSequence(p256, encodeBitString(new Uint8Array(64).fill(4)))],
  [
    "an unknown curve",
    encodeSequence(
      encodeSequence(encodeOid("1.2.840.10045.2.1"), encodeOid("1.3.132.0.10")),
      encodeBitString(new Uint8Array(65).fill(4)),
    ),
  ],
  [
    "an Ed25519 key of 31 bytes",
    encodeSequence(encodeSequence(encodeOid("1.3.101.112")), encodeBitString(new Uint8Array(31))),
  ],
  [
    "an X25519 key",
    encodeSequence(encodeSequence(encodeOid("1.3.101.110")), encodeBitString(new Uint8Array(32))),
  ],
  ["a key with bytes after it", concat(authority.signer.publicKey, Uint8Array.of(0))],
];

for (const [what, spki] of keys) {
  test(`refuses ${what}`, () => assert.throws(() => decodePublicKey(spki), { code: "malformed" }));
}

test("takes an RSA key of 2048 bits and tells its size", () => {
  assert.deepEqual(decodePublicKey(rsaKey(modulus, 65537n)), { kind: "rsa", bits: 2048 });
});

const begin = "-----BEGIN CERTIFICATE-----\n";
const end = "-----END CERTIFICATE-----\n";
const texts: readonly [what: string, text: string][] = [
  ["text before a PEM block", `subject: x\n${begin}AAAA\n${end}`],
  ["a PEM block without an end", `${begin}AAAA\n`],
  ["a PEM block of another kind", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
  ["a PEM block in another one", `${begin}${begin}AAAA\n${end}${end}`],
  ["an empty PEM block", `${begin}${end}`],
  ["PEM without padding", `${begin}AAA\n${end}`],
  ["PEM with bits left over", `${begin}AAB=\n${end}`],
  ["PEM in URL-safe letters", `${begin}-_-_\n${end}`],
  ["PEM with short lines inside", `${begin}AAAA\nAAAA\n${end}`],
  ["PEM in one long line", `${begin}${"A".repeat(68)}\n${end}`],
  ["PEM headers", `${begin}Proc-Type: 4,ENCRYPTED\n\nAAAA\n${end}`],
  ["an oversized PEM text", "\n".repeat(1024 * 1024 + 1)],
];

for (const [what, text] of texts) {
  test(`refuses ${what}`, () =>
    assert.throws(() => parsePem("CERTIFICATE", text), { code: "malformed" }));
}

test("refuses no certificate and two certificates where one must be", () => {
  assert.throws(() => parseSinglePem("CERTIFICATE", ""), { code: "malformed" });
  const block = `${begin}AAAA\n${end}`;
  assert.throws(() => parseSinglePem("CERTIFICATE", block + block), { code: "malformed" });
});

test("gives a certificate or a fault when any few bytes of a good one are changed", () => {
  const changes = fc.array(fc.tuple(fc.nat(good.encoded.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(changes, (bytes) => {
      const der = good.encoded.slice();
      for (const [at, byte] of bytes) der[at] = byte;
      try {
        parseCertificate(der);
      } catch (error) {
        assert.ok(isFault(error, "malformed"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
