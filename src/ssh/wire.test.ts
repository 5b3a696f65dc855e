import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, hex, utf8 } from "#base/bytes.ts";
import { Reader, Writer } from "#ssh/wire.ts";

test("writes the examples of RFC 4251 section 5", () => {
  const mpint = (digits: string) => hex(new Writer().mpint(Buffer.from(digits, "hex")).done());
  assert.equal(mpint(""), "00000000");
  assert.equal(mpint("09a378f9b2e332a7"), "0000000809a378f9b2e332a7");
  assert.equal(mpint("80"), "000000020080");
  assert.equal(hex(new Writer().string("testing").done()), "0000000774657374696e67");
  assert.equal(hex(new Writer().nameList(["zlib", "none"]).done()), "000000097a6c69622c6e6f6e65");
  assert.equal(hex(new Writer().uint32(699_921_578).done()), "29b7f4aa");
});

test("reads back every integer", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.bigInt(0n, 2n ** 64n - 1n), (a, b) => {
      const reader = new Reader(new Writer(1).uint32(a).uint64(b).done());
      assert.equal(reader.uint32(), a);
      assert.equal(reader.uint64(), b);
      reader.end();
    }),
  );
});

test("reads back every text, list and magnitude", () => {
  const names = fc.array(fc.stringMatching(/^[!-+.-~]+$/), { maxLength: 5 });
  const text = fc.string({ unit: "grapheme" });
  fc.assert(
    fc.property(text, names, fc.uint8Array({ maxLength: 40 }), (string, list, bytes) => {
      const writer = new Writer(1).string(string).nameList(list).mpint(bytes);
      const reader = new Reader(writer.done());
      assert.equal(reader.text(), string);
      assert.deepEqual(reader.nameList(), list);
      const first = bytes.findIndex((byte) => byte !== 0);
      assert.deepEqual(reader.mpint(), first < 0 ? new Uint8Array(0) : bytes.subarray(first));
      reader.end();
    }),
  );
});

test("nests strings of any length", () => {
  const inner = new Uint8Array(70_000).fill(7);
  const bytes = new Writer(1).nested((writer) => writer.string("a").bytes(inner)).done();
  const reader = new Reader(new Reader(bytes).string());
  assert.equal(reader.text(), "a");
  assert.deepEqual(reader.rest(), inner);
});

test("gives plain byte arrays for a Buffer too", () => {
  const reader = new Reader(Buffer.from(concat(new Writer().string(utf8("ab")).done())));
  assert.equal(reader.string().constructor, Uint8Array);
});
