import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { Reader } from "#ssh/wire.ts";

const cases: Record<string, [string, (reader: Reader) => unknown]> = {
  "an integer that is cut short": ["000000", (reader) => reader.uint32()],
  "a long integer that is cut short": ["00000000000000", (reader) => reader.uint64()],
  "a string that is cut short": ["0000000261", (reader) => reader.string()],
  "a string of 4 GiB": ["ffffffff61", (reader) => reader.string()],
  "text that is not UTF-8": ["00000002c328", (reader) => reader.text()],
  "text with an overlong encoding": ["00000002c080", (reader) => reader.text()],
  "a list that is not ASCII": ["00000002c3a4", (reader) => reader.nameList()],
  "a list with an empty name": ["00000003612c2c", (reader) => reader.nameList()],
  "a list that ends in a comma": ["00000002612c", (reader) => reader.nameList()],
  "a negative integer": ["0000000180", (reader) => reader.mpint()],
  "an integer with a zero too many": ["000000020001", (reader) => reader.mpint()],
  "zero written as a byte": ["0000000100", (reader) => reader.mpint()],
  "bytes after the end": ["00", (reader) => reader.end()],
};

for (const [what, [digits, read]] of Object.entries(cases)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => read(new Reader(Buffer.from(digits, "hex"))),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("reads any bytes as something or refuses them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const read of ["uint32", "uint64", "string", "text", "nameList", "mpint"] as const) {
        try {
          new Reader(bytes)[read]();
        } catch (error) {
          assert.ok(isFault(error, "malformed"), String(error));
        }
      }
    }),
  );
});
