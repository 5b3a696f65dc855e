/** Attacks on the reader: each input is refused as `malformed`, by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { type DerReader, decodeDer } from "./reader.ts";
import { derLimits, tags } from "./tags.ts";
import { encodeElement, encodeOctetString } from "./writer.ts";

const attacks: readonly [what: string, hex: string, read: (r: DerReader) => unknown][] = [
  ["nothing at all", "", (r) => r.readAny()],
  ["a tag without a length", "02", (r) => r.readInteger()],
  ["contents that end too early", "0202ff", (r) => r.readInteger()],
  ["bytes after the value", "02010100", (r) => r.readInteger()],
  [
    "bytes left inside a sequence",
    "3006020101020102",
    (r) => r.readSequence((s) => s.readInteger()),
  ],
  ["another tag than expected", "0400", (r) => r.readInteger()],
  ["an end-of-contents tag", "0000", (r) => r.readAny()],
  ["a high tag number", "1f0100", (r) => r.readAny()],
  ["an indefinite length", "30800000", (r) => r.readAny()],
  ["a length in one byte too many", "048101ff", (r) => r.readOctetString()],
  ["a length with a leading zero", `04820080${"00".repeat(128)}`, (r) => r.readOctetString()],
  ["a length that ends too early", "048201", (r) => r.readOctetString()],
  ["a length of four bytes", "0484010000" + "00", (r) => r.readOctetString()],
  ["a length beyond the input", "0483ffffff00", (r) => r.readOctetString()],
  ["an empty integer", "0200", (r) => r.readInteger()],
  ["an integer with a padding zero", "0202007f", (r) => r.readInteger()],
  ["a negative integer with padding", "0202ff80", (r) => r.readInteger()],
  ["a negative number where none may be", "0201ff", (r) => r.readUnsigned()],
  ["a boolean that is neither 00 nor FF", "010101", (r) => r.readBoolean()],
  ["a boolean of two bytes", "0102ffff", (r) => r.readBoolean()],
  ["a default value that is written out", "010100", (r) => r.readDefaultFalse()],
  ["a null with contents", "050100", (r) => r.readNull()],
  ["a bit string without its first byte", "0300", (r) => r.readBitString()],
  ["a bit string with eight unused bits", "03020800", (r) => r.readBitString()],
  ["a bit string with unused bits of nothing", "030101", (r) => r.readBitString()],
  ["a bit string whose unused bits are set", "030201ff", (r) => r.readBitString()],
  ["half bytes where bytes must be", "030204f0", (r) => r.readBitBytes()],
  ["an empty identifier", "0600", (r) => r.readOid()],
  ["an identifier that ends inside a number", "06022a86", (r) => r.readOid()],
  ["an identifier with a padded number", "06032a8001", (r) => r.readOid()],
  [
    "an identifier with a number of 20 groups",
    `0615${"2a"}${"81".repeat(19)}01`,
    (r) => r.readOid(),
  ],
  ["an identifier that is too long", `0641${"01".repeat(65)}`, (r) => r.readOid()],
  ["printable text with an underscore", "1303615f62", (r) => r.readText()],
  ["text that is not UTF-8", "0c02c328", (r) => r.readText()],
  ["overlong UTF-8", "0c02c080", (r) => r.readText()],
  ["a surrogate in UTF-8", "0c03eda080", (r) => r.readText()],
  ["IA5 text beyond ASCII", "1602c3a4", (r) => r.readText()],
  ["a text type that is not supported", "1e020041", (r) => r.readText()],
  ["a time without seconds", "170b323630313031303030305a", (r) => r.readTime()],
  [
    "a time with an offset",
    `1711${Buffer.from("260101000000+0100").toString("hex")}`,
    (r) => r.readTime(),
  ],
  [
    "a time with a fraction",
    `1811${Buffer.from("20500101000000.5Z").toString("hex")}`,
    (r) => r.readTime(),
  ],
  [
    "a 30th of February",
    `170d${Buffer.from("260230000000Z").toString("hex")}`,
    (r) => r.readTime(),
  ],
  ["an hour 24", `170d${Buffer.from("260101240000Z").toString("hex")}`, (r) => r.readTime()],
  ["a second 60", `170d${Buffer.from("260101000060Z").toString("hex")}`, (r) => r.readTime()],
  ["a time that is no time", "0400", (r) => r.readTime()],
];

for (const [what, bytes, read] of attacks) {
  test(`refuses ${what}`, () => {
    assert.throws(() => decodeDer(Buffer.from(bytes, "hex"), read), { code: "malformed" });
  });
}

test("refuses an input over the size limit before it reads", () => {
  const bytes = encodeOctetString(new Uint8Array(derLimits.bytes));
  const read = () => assert.fail("must not be called");
  assert.throws(() => decodeDer(bytes, read), { code: "malformed" });
});

test("refuses an integer over its limit", () => {
  const bytes = encodeElement(tags.integer, new Uint8Array(derLimits.integer + 1).fill(1));
  assert.throws(() => decodeDer(bytes, (r) => r.readInteger()), { code: "malformed" });
});

test("refuses to follow deeper nesting than its limit", () => {
  const nest = (depth: number): Uint8Array =>
    depth === 0 ? new Uint8Array() : encodeElement(tags.sequence, nest(depth - 1));
  const follow = (r: DerReader): number => (r.atEnd ? 0 : 1 + r.readSequence(follow));
  assert.equal(decodeDer(nest(derLimits.depth), follow), derLimits.depth);
  assert.throws(() => decodeDer(nest(derLimits.depth + 1), follow), { code: "malformed" });
});

test("gives a value or a fault for any bytes", () => {
  const readers: readonly ((r: DerReader) => unknown)[] = [
    (r) => r.readAny(),
    (r) => r.readInteger(),
    (r) => r.readUnsigned(),
    (r) => r.readBitString(),
    (r) => r.readOid(),
    (r) => r.readText(),
    (r) => r.readTime(),
    (r) => r.readList(tags.sequence, (s) => s.readAny()),
  ];
  const tagged = fc
    .tuple(fc.constantFrom(...Object.values(tags)), fc.uint8Array({ maxLength: 40 }))
    .map(([tag, contents]) => encodeElement(tag, contents));
  fc.assert(
    fc.property(fc.oneof(tagged, fc.uint8Array()), fc.constantFrom(...readers), (bytes, read) => {
      try {
        decodeDer(bytes, read);
      } catch (error) {
        assert.ok(isFault(error, "malformed"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
