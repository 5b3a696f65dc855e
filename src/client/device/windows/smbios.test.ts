import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { noDmiValues } from "../dmi.ts";
import { parseSmbios } from "./smbios.ts";

/** One structure: type, formatted bytes after the four of the header, strings. */
function structure(type: number, body: readonly number[], ...strings: string[]): Uint8Array {
  const header = Uint8Array.of(type, body.length + 4, 0, 0);
  const set = strings.length === 0 ? "\0\0" : `${strings.join("\0")}\0\0`;
  return concat(header, Uint8Array.from(body), utf8(set));
}

/** A table with the header that Windows puts in front. */
function table(...parts: Uint8Array[]): Uint8Array {
  const bytes = concat(...parts);
  const header = new Uint8Array(8);
  new DataView(header.buffer).setUint32(4, bytes.length, true);
  return concat(header, bytes);
}

const system = structure(1, [1, 2, 3, 4], "Acme", "Model 7", "v1", "SERIAL1");
const board = structure(2, [1, 2, 3, 4], "Acme", "Board", "v1", "BOARD1");
const enclosure = structure(3, [1, 3, 2, 3, 4], "Acme", "v1", "CHASSIS1", "ASSET1");
const end = structure(127, []);

test("finds product, serial numbers and asset tag where WMI finds them", () => {
  assert.deepEqual(parseSmbios(table(structure(0, [0]), system, board, enclosure, end)), {
    productName: "Model 7",
    productSerial: "SERIAL1",
    boardSerial: "BOARD1",
    chassisAssetTag: "ASSET1",
  });
});

test("takes the first of several, and reads without an end structure", () => {
  const second = structure(1, [1, 2, 3, 4], "X", "Y", "Z", "OTHER");
  assert.equal(parseSmbios(table(system, second)).productSerial, "SERIAL1");
});

test("nothing after the end structure counts", () => {
  assert.deepEqual(parseSmbios(table(end, system)), noDmiValues);
});

test("what the firmware leaves out is empty", () => {
  assert.deepEqual(parseSmbios(table(end)), noDmiValues);
  assert.deepEqual(parseSmbios(table()), noDmiValues);
  // String number zero, a number beyond the set, and a structure of an older version.
  const odd = [structure(1, [0, 0, 0, 0]), structure(2, [9, 9, 9, 9], "one"), structure(3, [1])];
  assert.deepEqual(parseSmbios(table(...odd)), noDmiValues);
});

test("cuts blanks and what no inventory takes", () => {
  const long = structure(1, [0, 1, 0, 2], "  padded  ", "x".repeat(1000));
  const { productName, productSerial } = parseSmbios(table(long));
  assert.deepEqual([productName, productSerial.length], ["padded", 256]);
});

const whole = table(system, end);
const broken: Readonly<Record<string, Uint8Array>> = {
  "no header": whole.subarray(0, 7),
  "a length field that is too small": concat(whole, Uint8Array.of(0)),
  "a length field that is too large": whole.subarray(0, whole.length - 1),
  "a table beyond the limit": table(new Uint8Array(256 * 1024)),
  "a structure shorter than its header": table(Uint8Array.of(1, 3, 0, 0, 0)),
  "a structure that is longer than the table": table(Uint8Array.of(1, 200, 0, 0, 0, 0)),
  "a structure without its length": table(Uint8Array.of(1)),
  "strings without an end": table(system.subarray(0, system.length - 1)),
  "a string without an end": table(system.subarray(0, system.length - 2)),
  "an empty set of strings with one zero": table(Uint8Array.of(127, 4, 0, 0, 0)),
};
for (const [name, bytes] of Object.entries(broken)) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseSmbios(bytes),
      (error) => isFault(error, "malformed") && /firmware/.test(error.hint ?? ""),
    );
  });
}
