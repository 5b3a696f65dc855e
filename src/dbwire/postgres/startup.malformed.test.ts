/** Start-up packets that no honest client sends, by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import {
  encodeCancel,
  encodeSslRequest,
  encodeStartup,
  longestStartup,
  parseStartup,
  startupLength,
} from "./startup.ts";

const version = [0, 3, 0, 0];
const body = (text: string, head: readonly number[] = version) =>
  Buffer.concat([Buffer.from(head), Buffer.from(text, "latin1")]);

const attacks: readonly [string, Buffer][] = [
  ["a packet that is empty", Buffer.alloc(0)],
  ["a packet that is cut in its code", Buffer.from([0, 3, 0])],
  ["a list without its end", body("user\0alice\0")],
  ["a name without a value", body("user\0alice\0database\0")],
  ["a text without an end", body("user\0alice")],
  ["no user", body("database\0orders\0\0")],
  ["an empty user", body("user\0\0\0")],
  ["a user that is named twice", body("user\0alice\0user\0root\0\0")],
  ["bytes behind the list", body("user\0alice\0\0more")],
  ["a second list behind the first", body("user\0alice\0\0user\0root\0\0")],
  ["a user that is not UTF-8", body("user\0\xff\xfe\0\0")],
  ["a user whose letters are overlong", body("user\0\xc1\xa1\0\0")],
  ["a wish for TLS with more behind it", Buffer.from([4, 210, 22, 47, 0])],
  ["a key that is too short", Buffer.from([4, 210, 22, 46, 0, 0, 0, 1])],
  ["a key that is too long", Buffer.from([4, 210, 22, 46, ...Array<number>(12).fill(1)])],
];

for (const [name, packet] of attacks) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseStartup(packet),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("refuses version 2 of the protocol, and says what to do", () => {
  assert.throws(
    () => parseStartup(body("", [0, 2, 0, 0])),
    (error) => isFault(error, "unimplemented") && error.hint !== undefined,
  );
});

for (const length of [0, 7, longestStartup + 1, 0x1603_0100, 0xffff_ffff]) {
  test(`refuses a packet that says it has ${length} bytes`, () => {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(length);
    assert.throws(
      () => startupLength(field),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("what is encoded is decoded, whatever the texts are", () => {
  const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
  const name = text.filter((value) => value !== "" && value !== "user");
  fc.assert(
    fc.property(
      fc.dictionary(name, text, { noNullPrototype: true, maxKeys: 20 }),
      text,
      (others, user) => {
        fc.pre(user !== "");
        const parameters = new Map([...Object.entries(others), ["user", user]]);
        const packet = encodeStartup(parameters);
        assert.equal(packet.readUInt32BE(0), packet.length);
        const parsed = parseStartup(packet.subarray(4));
        assert.ok(parsed.kind === "startup");
        assert.deepEqual(parsed.parameters, parameters);
      },
    ),
  );
});

test("a name with a zero byte cannot be sent to a server: it would end early there", () => {
  assert.throws(
    () => encodeStartup(new Map([["user", "alice\0database"]])),
    (error) => isFault(error, "invalid"),
  );
});

test("wishes for TLS and for the end of a query are told from sessions", () => {
  assert.equal(parseStartup(encodeSslRequest().subarray(4)).kind, "ssl");
  const key = Buffer.from("0102030405060708", "hex");
  const cancel = parseStartup(encodeCancel(key).subarray(4));
  assert.ok(cancel.kind === "cancel");
  assert.deepEqual(cancel.key, key);
});

test("any bytes are decoded or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        parseStartup(Buffer.from(bytes));
      } catch (error) {
        assert.ok(isFault(error, "malformed", "unimplemented"));
      }
    }),
  );
});
