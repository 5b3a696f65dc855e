/** The start of MySQL connections that no honest program makes, by name; and statements in any pieces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault, type FaultCode, isFault } from "#base/fault.ts";
import { encodeErrorOf, encodePacket } from "./packets.ts";
import {
  type Answer,
  capabilities,
  encodeAnswer,
  encodeGreeting,
  offeredCapabilities,
  parseAnswer,
  parseErrorText,
  parseGreeting,
} from "./startup.ts";
import { StatementWatch } from "./statements.ts";

const answer: Answer = {
  ...{ capabilities: capabilities.protocol41, longestPacket: 1 << 24, charset: 45 },
  ...{ user: "alice", database: "orders" },
};
const head = (flags: number) => {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(flags >>> 0);
  return bytes;
};
const modern = capabilities.protocol41 | capabilities.secureConnection;

const attacks: readonly [string, Buffer][] = [
  ["an answer that is cut in its head", head(modern).subarray(0, 31)],
  ["a user without an end", Buffer.concat([head(modern), Buffer.from("alice")])],
  ["a user that is not UTF-8", Buffer.concat([head(modern), Buffer.from([0xff, 0, 0])])],
  [
    "a proof that is longer than the packet",
    Buffer.concat([head(modern), Buffer.from("a\0\x20abc")]),
  ],
  [
    "a proof of an endless length",
    Buffer.concat([head(modern), Buffer.from([0x61, 0, 0xfe, 1, 1])]),
  ],
  [
    "a user of a thousand letters",
    Buffer.concat([head(modern), Buffer.from(`${"a".repeat(1000)}\0\0`)]),
  ],
];

for (const [name, body] of attacks) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseAnswer(body),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("refuses a client from before MySQL 4.1", () => {
  assert.throws(
    () => parseAnswer(head(0)),
    (error) => isFault(error, "unimplemented"),
  );
});

test("an answer is read as it was written", () => {
  const read = parseAnswer(encodeAnswer(answer, false));
  assert.deepEqual([read.user, read.database, read.charset], ["alice", "orders", 45]);
});

test("what a client speaks of and was not offered does not count", () => {
  const all = Buffer.concat([head(-1), Buffer.from("a\0\0b\0")]);
  assert.equal(
    parseAnswer(all).capabilities & ~(offeredCapabilities | capabilities.lengthEncodedAuth),
    0,
  );
  assert.equal(offeredCapabilities & (32 | 128), 0, "neither compression nor local files");
});

test("a greeting is read as it was written, and anything else is refused", () => {
  const greeting = parseGreeting(encodeGreeting("10.11.0", 1, Buffer.alloc(20, 7)));
  assert.deepEqual(greeting, { serverVersion: "10.11.0", capabilities: offeredCapabilities });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        parseGreeting(Buffer.from(bytes));
      } catch (error) {
        assert.ok(isFault(error, "malformed", "unproven"));
      }
    }),
  );
});

test("an error is one that clients read, and is never longer than they keep", () => {
  const fault = new Fault("locked", "x".repeat(1000), { hint: "y" });
  const packet = encodeErrorOf(fault, 2);
  assert.ok(packet.length < 520);
  assert.match(parseErrorText(packet.subarray(4)), /^x+$/);
});

const everyCode: readonly FaultCode[] = [
  ...(["usage", "malformed", "invalid", "unproven", "access-denied", "device-required"] as const),
  ...(["locked", "not-found", "already-exists", "conflict", "too-large", "limit"] as const),
  ...(["unimplemented", "unavailable", "timeout", "canceled", "environment", "internal"] as const),
];

test("no error has a number of the clients' own range: they would not read its text", () => {
  for (const code of everyCode) {
    const number = encodeErrorOf(new Fault(code, "x"), 0).readUInt16LE(5);
    assert.ok(number >= 1000 && (number < 2000 || number >= 3000), `${code} is ${number}`);
  }
});

const command = (code: number, text: string | Buffer) =>
  encodePacket(0, Buffer.concat([Buffer.of(code), Buffer.from(text)]));

function watch(...pieces: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const statements = new StatementWatch(50, (text) => seen.push(text));
  for (const piece of pieces) statements.fromClient(piece);
  return seen;
}

test("queries are reported, long ones cut, and what says nothing is not", () => {
  assert.deepEqual(watch(command(3, "SELECT 1"), command(14, ""), command(1, "")), ["SELECT 1"]);
  assert.deepEqual(watch(command(3, "x".repeat(90))), [`${"x".repeat(50)}… (cut, 90 bytes)`]);
});

test("an execution is reported with the text that was prepared", () => {
  const seen: string[] = [];
  const statements = new StatementWatch(50, (text) => seen.push(text));
  statements.fromClient(command(0x16, "SELECT ?"));
  statements.fromServer(encodePacket(1, Buffer.from([0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])));
  statements.fromClient(command(0x17, Buffer.from([9, 0, 0, 0, 0, 1, 0, 0, 0])));
  statements.fromClient(command(0x17, Buffer.from([8, 0, 0, 0, 0, 1, 0, 0, 0])));
  assert.deepEqual(seen, ["(preparation of) SELECT ?", "SELECT ?", "(execution of statement 8)"]);
});

for (const [name, code] of [
  ["a change of the user", 0x11],
  ["a dump of the binary log", 0x12],
  ["commands inside of commands", 0xfe],
] as const) {
  test(`${name} ends the session before the server hears of it`, () => {
    assert.throws(
      () => watch(command(code, "")),
      (error) => isFault(error, "access-denied"),
    );
  });
}

test("the pieces in which commands come change nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 80 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 20 }),
      (texts, size) => {
        const whole = Buffer.concat(texts.map((text) => command(3, text)));
        const pieces: Buffer[] = [];
        for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
        assert.deepEqual(watch(...pieces), watch(whole));
      },
    ),
  );
});
