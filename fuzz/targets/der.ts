/** DER in general: whatever is accepted has one encoding. */
import assert from "node:assert/strict";
import { sameBytes } from "#base/bytes.ts";
import { type DerReader, decodeDer } from "#der/reader.ts";
import { tags } from "#der/tags.ts";
import {
  encodeBoolean,
  encodeElement,
  encodeInteger,
  encodeOid,
  encodeSequence,
  encodeText,
  encodeTime,
} from "#der/writer.ts";
import { fixtureTime, x509Certificate } from "../fixtures.ts";
import type { Target } from "../target.ts";

export const der: Target = {
  name: "der",
  maxLength: 100_000,
  dictionary: [
    Uint8Array.of(0x30, 0x80),
    Uint8Array.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff),
    Uint8Array.of(0x02, 0x02, 0x00, 0x01),
    Uint8Array.of(0x06, 0x01, 0x80),
    Uint8Array.of(0x1f, 0x81, 0x01),
  ],
  open: () => ({
    seeds: [
      x509Certificate(true),
      encodeSequence(
        encodeInteger(-129n),
        encodeOid("1.3.9999.1.9"),
        encodeText("jürgen"),
        encodeTime(fixtureTime),
        encodeBoolean(true),
      ),
    ],
    run: (input) => decodeDer(input, readAnything),
  }),
};

/** Reads by tag as far as the reader knows it, and compares with the writer. Gives the shape. */
function readAnything(reader: DerReader): string {
  if (reader.isNext(tags.sequence)) {
    return `(${reader.readList(tags.sequence, readAnything).join("")})`.slice(0, 60);
  }
  if (reader.isNext(tags.integer)) {
    return check(reader, "i", (copy) => encodeInteger(copy.readInteger()));
  }
  if (reader.isNext(tags.oid)) return check(reader, "o", (copy) => encodeOid(copy.readOid()));
  const { tag, contents, encoded } = reader.readAny();
  assert.ok(sameBytes(encodeElement(tag, contents), encoded), "an element has two encodings");
  return `${tag} `;
}

function check(reader: DerReader, name: string, again: (copy: DerReader) => Uint8Array): string {
  const { encoded } = reader.readAny();
  assert.ok(sameBytes(decodeDer(encoded, again), encoded), `${name} has two encodings`);
  return name;
}
