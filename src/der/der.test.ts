/** The writer and the reader agree with each other, and with known encodings of X.690. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hex } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { type DerReader, decodeDer } from "./reader.ts";
import { tags } from "./tags.ts";
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
  encodeSetOf,
  encodeText,
  encodeTime,
  encodeUnsigned,
} from "./writer.ts";

const vectors: readonly [what: string, encoded: Uint8Array, hex: string][] = [
  ["zero", encodeInteger(0n), "020100"],
  ["127", encodeInteger(127n), "02017f"],
  ["128 with its sign byte", encodeInteger(128n), "02020080"],
  ["-1", encodeInteger(-1n), "0201ff"],
  ["-128 in one byte", encodeInteger(-128n), "020180"],
  ["-129 in two bytes", encodeInteger(-129n), "0202ff7f"],
  ["an unsigned number", encodeUnsigned(Uint8Array.of(0, 0, 0x80)), "02020080"],
  ["an empty unsigned number", encodeUnsigned(new Uint8Array()), "020100"],
  ["true", encodeBoolean(true), "0101ff"],
  ["null", encodeNull(), "0500"],
  ["an identifier", encodeOid("1.2.840.113549"), "06062a864886f70d"],
  ["an identifier under 2 with a large second number", encodeOid("2.999.3"), "0603883703"],
  ["printable text", encodeText("a b"), "1303612062"],
  ["text that needs UTF-8", encodeText("a_b"), "0c03615f62"],
  [
    "a time before 2050",
    encodeTime(new Date("2049-12-31T23:59:59.9Z")),
    "170d3439313233313233353935395a",
  ],
  [
    "a time from 2050 on",
    encodeTime(new Date("2050-01-01T00:00:00Z")),
    "180f32303530303130313030303030305a",
  ],
  ["bits", encodeBitString(Uint8Array.of(0xa0), 5), "030205a0"],
  ["a set in order", encodeSetOf(encodeInteger(2n), encodeInteger(1n)), "3106020101020102"],
  ["an explicit wrapper", encodeExplicit(3, encodeNull()), "a3020500"],
];

for (const [what, encoded, expected] of vectors) {
  test(`writes ${what} as X.690 says`, () => assert.equal(hex(encoded), expected));
}

test("writes lengths in the least number of bytes", () => {
  const head = (size: number) => hex(encodeOctetString(new Uint8Array(size)).subarray(0, 5));
  assert.equal(head(127).slice(0, 4), "047f");
  assert.equal(head(128).slice(0, 6), "048180");
  assert.equal(head(256).slice(0, 8), "04820100");
  assert.equal(head(65536), "0483010000");
});

function read<T>(bytes: Uint8Array, how: (reader: DerReader) => T): T {
  return decodeDer(bytes, how);
}

test("reads back every integer", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }), (value) => {
      assert.equal(
        read(encodeInteger(value), (r) => r.readInteger()),
        value,
      );
    }),
  );
});

test("reads back every unsigned number without leading zeros", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (magnitude) => {
      const value = BigInt(`0x0${hex(magnitude)}`);
      const bytes = read(encodeUnsigned(magnitude), (r) => r.readUnsigned());
      assert.equal(BigInt(`0x${hex(bytes)}`), value);
    }),
  );
});

test("reads back every object identifier", () => {
  const numbers = fc.array(fc.bigInt({ min: 0n, max: 2n ** 100n }), { maxLength: 3 });
  const heads = fc.oneof(
    fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n })),
    fc.tuple(fc.constant(2n), fc.bigInt({ min: 0n, max: 2n ** 64n })),
  );
  fc.assert(
    fc.property(heads, numbers, (head, rest) => {
      const oid = [...head, ...rest].join(".");
      assert.equal(
        read(encodeOid(oid), (r) => r.readOid()),
        oid,
      );
    }),
  );
});

test("reads back every text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      fc.pre(text.isWellFormed());
      assert.equal(
        read(encodeText(text), (r) => r.readText()),
        text,
      );
    }),
  );
});

test("reads back every second of the years 1950 to 9999", () => {
  const moments = fc.date({
    min: new Date("1950-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(moments, (moment) => {
      const second = new Date(Math.floor(moment.getTime() / 1000) * 1000);
      assert.deepEqual(
        read(encodeTime(moment), (r) => r.readTime()),
        second,
      );
    }),
  );
});

test("reads nested structures member by member", () => {
  const bytes = encodeSequence(
    encodeExplicit(0, encodeInteger(2n)),
    encodeBoolean(true),
    encodeElement(tags.sequence, encodeOid("1.2.3"), encodeOid("1.2.4")),
  );
  const value = read(bytes, (r) =>
    r.readSequence((s) => ({
      version: s.readOptionalExplicit(0, (e) => e.readInteger()),
      absent: s.readOptionalExplicit(1, (e) => e.readInteger()),
      flag: s.readDefaultFalse(),
      oids: s.readList(tags.sequence, (o) => o.readOid()),
    })),
  );
  assert.deepEqual(value, { version: 2n, absent: undefined, flag: true, oids: ["1.2.3", "1.2.4"] });
});

test("refuses to write what has no encoding", () => {
  for (const oid of ["", "1", "3.1", "1.40", "1.02", "1.2.", "1.2.x", "__proto__"]) {
    assert.throws(
      () => encodeOid(oid),
      (e) => e instanceof Fault && e.code === "invalid",
      oid,
    );
  }
  assert.throws(() => encodeText("\ud800"), { code: "invalid" });
  assert.throws(() => encodeTime(new Date("1949-12-31T23:59:59Z")), { code: "invalid" });
  assert.throws(() => encodeTime(new Date(Number.NaN)), { code: "invalid" });
});
