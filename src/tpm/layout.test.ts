import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { assertRefused } from "../../test/support/refusals.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import {
  type Attest,
  type CreationData,
  decodeAttest,
  decodeCreationData,
  encodeAttest,
  encodeCreationData,
} from "./attest.ts";
import { algorithm } from "./constants.ts";
import { claimForm } from "./forms.ts";
import {
  constant,
  decodeWhole,
  encodeWhole,
  layout,
  list,
  sized,
  uint8,
  uint16,
  uint32,
  uint64,
  union,
  yesNo,
} from "./layout.ts";
import { decodePublic, encodePublic, type PublicArea } from "./public-area.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const malformed = (error: unknown) => isFault(error, "malformed");

/** Decoded structures are ordinary objects. */
const record = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true });
const blob = (max: number) => fc.uint8Array({ maxLength: max });
const uint = (bits: number) => fc.nat({ max: 2 ** bits - 1 });
const selections = fc.array(
  record({
    hash: uint(16),
    pcrs: fc.uniqueArray(fc.nat({ max: 23 })).map((pcrs) => pcrs.sort((a, b) => a - b)),
  }),
  { maxLength: 16 },
);
const clockInfo = {
  qualifiedSigner: blob(66),
  extraData: blob(64),
  clock: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  resetCount: fc.nat({ max: 2 ** 32 - 1 }),
  restartCount: fc.nat({ max: 2 ** 32 - 1 }),
  safe: fc.boolean(),
  firmwareVersion: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
};
const attests: fc.Arbitrary<Attest> = fc.oneof(
  record({ kind: fc.constant("quote"), ...clockInfo, selections, pcrDigest: blob(64) }),
  record({
    kind: fc.constant("creation"),
    ...clockInfo,
    objectName: blob(66),
    creationHash: blob(64),
  }),
  record({
    kind: fc.constant("certify"),
    ...clockInfo,
    objectName: blob(66),
    qualifiedName: blob(66),
  }),
) as fc.Arbitrary<Attest>;
const creations: fc.Arbitrary<CreationData> = record({
  selections,
  pcrDigest: blob(64),
  locality: uint(8),
  parentNameAlg: uint(16),
  parentName: blob(66),
  parentQualifiedName: blob(66),
  outsideInfo: blob(64),
});
const publicAreas: fc.Arbitrary<PublicArea> = fc.oneof(
  record({
    kind: fc.constant("rsa"),
    nameAlg: uint(16),
    attributes: fc.nat({ max: 2 ** 32 - 1 }),
    authPolicy: blob(64),
    symmetric: fc.constant({ kind: "aes", bits: 128, mode: algorithm.cfb }),
    scheme: fc.constant({ kind: "rsassa", hash: algorithm.sha256 }),
    keyBits: uint(16),
    exponent: fc.nat({ max: 2 ** 32 - 1 }),
    modulus: blob(512),
  }),
  record({
    kind: fc.constant("ecc"),
    nameAlg: uint(16),
    attributes: fc.nat({ max: 2 ** 32 - 1 }),
    authPolicy: blob(64),
    symmetric: fc.constant({ kind: "none" }),
    scheme: fc.constant({ kind: "ecdsa", hash: algorithm.sha256 }),
    curve: uint(16),
    kdf: fc.constant(algorithm.none),
    x: blob(66),
    y: blob(66),
  }),
) as fc.Arbitrary<PublicArea>;

test("decodes what it encoded: attestations", () => {
  fc.assert(
    fc.property(attests, (value) => {
      assert.deepEqual(decodeAttest(encodeAttest(value), value.kind), value);
    }),
  );
});

test("decodes what it encoded: creation data", () => {
  fc.assert(
    fc.property(creations, (value) => {
      assert.deepEqual(decodeCreationData(encodeCreationData(value)), value);
    }),
  );
});

test("decodes what it encoded: public areas", () => {
  fc.assert(
    fc.property(publicAreas, (value) => {
      assert.deepEqual(decodePublic(encodePublic(value)), value);
    }),
  );
});

test("encodes the structures of a real TPM to the same bytes", () => {
  for (const name of ["rsa-two-banks", "p256-sha256"] as const) {
    const { parameters, evidence } = loadTpmVector(name);
    assert.deepEqual(encodePublic(decodePublic(parameters.public)), parameters.public);
    const creation = decodeAttest(parameters.createAttestation, "creation");
    assert.deepEqual(encodeAttest(creation), parameters.createAttestation);
    const data = decodeCreationData(parameters.createData);
    assert.deepEqual(encodeCreationData(data), parameters.createData);
    for (const { quote } of evidence.quotes) {
      assert.deepEqual(encodeAttest(decodeAttest(quote, "quote")), quote);
    }
  }
});

test("returns or throws a malformed fault for any bytes", () => {
  fc.assert(
    fc.property(blob(400), (bytes) => {
      for (const decode of [
        () => decodePublic(claimForm(bytes)),
        () => decodeAttest(claimForm(bytes), "quote"),
        () => decodeCreationData(claimForm(bytes)),
      ]) {
        try {
          decode();
        } catch (error) {
          assert.ok(malformed(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});

const pair = layout({ first: uint8, second: uint16 });

test("reads and writes every integer width big-endian", () => {
  const all = layout({ a: uint8, b: uint16, c: uint32, d: uint64 });
  const bytes = hex("ff fffe fffffffd fffffffffffffffc");
  const value = { a: 0xff, b: 0xfffe, c: 0xfffffffd, d: 0xfffffffffffffffcn };
  assert.deepEqual(decodeWhole(all, bytes, "test"), value);
  assert.deepEqual(encodeWhole(all, value), bytes);
});

test("refuses a structure that is cut short anywhere", () => {
  const { quote } = loadTpmVector("p256-sha256").evidence.quotes[0] ?? assert.fail();
  for (let length = 0; length < quote.length; length++) {
    assert.throws(() => decodeAttest(claimForm(quote.slice(0, length)), "quote"), malformed);
  }
});

test("refuses bytes left over", () => {
  assert.throws(() => decodeWhole(pair, hex("01 0203 04"), "test"), malformed);
});

test("refuses a sized field above its limit before reading it", () => {
  assert.throws(() => decodeWhole(sized(4), hex("0005 0102030405"), "test"), malformed);
});

test("refuses a list above its limit before reading it", () => {
  for (const bytes of ["ffffffff", "00000003 010203"]) {
    assert.throws(() => decodeWhole(list(uint8, 2), hex(bytes), "test"), malformed);
  }
});

test("refuses a flag that is neither yes nor no", () => {
  assert.throws(() => decodeWhole(yesNo, hex("02"), "test"), malformed);
});

test("refuses another value in a fixed field, with the field's reason", () => {
  const fixed = constant(uint32, 7, "attest_magic");
  assertRefused("attest_magic", () => decodeWhole(fixed, hex("00000008"), "test"));
});

test("refuses an unlisted union type, with the union's reason", () => {
  const either = union({ one: [1, pair] }, "attest_type");
  assertRefused("attest_type", () => decodeWhole(either, hex("0002 010203"), "test"));
});

test("refuses a PCR selection above PCR 23 or with too many bytes", () => {
  const header = "ff544347 8018 0000 0000 0000000000000000 00000000 00000000 01 0000000000000000";
  for (const selection of ["000b 04 00000001", "000b 05 0000000000", "000b ff"]) {
    const bytes = hex(`${header} 00000001 ${selection} 0000`);
    assert.throws(() => decodeAttest(claimForm(bytes), "quote"), malformed);
  }
});
