/** What is said to the server is reported, however it is cut into pieces and however it is prepared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { clientTypes, encodeMessage, serverTypes } from "./messages.ts";
import { MessageScanner } from "./scanner.ts";
import { StatementWatch } from "./statements.ts";

const limit = 100;
const message = (type: keyof typeof clientTypes, text: string) =>
  encodeMessage(clientTypes[type], Buffer.from(text));

function watch(...messages: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const statements = new StatementWatch(limit, (text) => seen.push(text));
  statements.push(Buffer.concat(messages));
  return seen;
}

test("a simple query is reported with its text", () => {
  assert.deepEqual(watch(message("query", "SELECT 1\0")), ["SELECT 1"]);
});

test("an execution is reported with the text that was prepared, each time", () => {
  const messages = [
    message("parse", "s1\0SELECT $1\0\0\0"),
    message("bind", "\0s1\0\0\0\0\0\0\0"),
    message("execute", "\0\0\0\0\0"),
    message("bind", "p\0s1\0\0\0\0\0\0\0"),
    message("execute", "p\0\0\0\0\0"),
  ];
  assert.deepEqual(watch(...messages), ["(preparation of) SELECT $1", "SELECT $1", "SELECT $1"]);
});

test("parameters are data and stand in no report", () => {
  const secret = "hunter2";
  const bind = Buffer.concat([Buffer.from("\0s\0\0\0\0\u0001\0\0\0\u0007"), Buffer.from(secret)]);
  const seen = watch(
    message("parse", "s\0SELECT $1\0\0\0"),
    encodeMessage(clientTypes.bind, bind),
    message("execute", "\0\0\0\0\0"),
  );
  assert.ok(!seen.join().includes(secret));
});

test("a statement that is closed and prepared anew is reported with its new text", () => {
  const seen = watch(
    message("parse", "s\0SELECT 1\0\0\0"),
    message("close", "Ss\0"),
    message("bind", "\0s\0\0\0\0\0\0\0"),
    message("execute", "\0\0\0\0\0"),
  );
  assert.deepEqual(seen, ["(preparation of) SELECT 1", "(statement s)"]);
});

test("a call of a function without a query is reported", () => {
  const body = Buffer.from([0, 0, 4, 1, 0, 0]);
  assert.deepEqual(watch(encodeMessage(clientTypes.functionCall, body)), [
    "(call of function 1025)",
  ]);
});

test("a long text is cut, and the report says how long it was", () => {
  const [text = ""] = watch(message("query", `${"x".repeat(5000)}\0`));
  assert.equal(text, `${"x".repeat(limit)}… (cut, 5000 bytes)`);
});

test("a name that would push the text out of the report ends the session", () => {
  assert.throws(
    () => watch(message("parse", `${"n".repeat(500)}\0DROP TABLE orders\0\0\0`)),
    (error) => isFault(error, "malformed"),
  );
});

const evil = "DROP TABLE orders";
const parse = (name: string, text: string) => message("parse", `${name}\0${text}\0\0\0`);
const run = (name: string) => [
  message("bind", `\0${name}\0\0\0\0\0\0\0`),
  message("execute", "\0\0\0\0\0"),
];
const sync = message("sync", "");
const answer = (...types: readonly (keyof typeof serverTypes)[]) =>
  Buffer.concat(
    types.map((type) => encodeMessage(serverTypes[type], Buffer.from(type === "ready" ? "I" : ""))),
  );

/** What is reported of the last of these; what is from the server says so. */
function lastOf(...turns: readonly (readonly Buffer[] | { readonly server: Buffer })[]): string[] {
  let seen: string[] = [];
  const statements = new StatementWatch(limit, (text) => seen.push(text));
  for (const turn of turns) {
    seen = [];
    if ("server" in turn) statements.fromServer(turn.server);
    else statements.push(Buffer.concat(turn));
  }
  return seen;
}

test("a name that is prepared again while it is open, which the server refuses, stands for its first text", () => {
  const opened = [
    [parse("s1", evil), sync],
    { server: answer("parseComplete", "ready") },
    [parse("s1", "SELECT 1"), sync],
  ];
  const both = [`(one of 2) ${evil}`, "(one of 2) SELECT 1"];
  assert.deepEqual(lastOf(...opened, run("s1")), both);
  assert.deepEqual(lastOf(...opened, { server: answer("error", "ready") }, run("s1")), [evil]);
});

test("where answers cannot be told apart after an error, a name stands for all its texts", () => {
  const seen = lastOf(
    [parse("s", evil), sync],
    { server: answer("parseComplete", "ready") },
    [parse("s", "SELECT 1"), sync, parse("x", "SELECT 2"), sync],
    { server: answer("error", "ready", "parseComplete", "ready") },
    run("s"),
  );
  assert.deepEqual(seen, [`(one of 2) ${evil}`, "(one of 2) SELECT 1"]);
});

test("names that a client makes without end end the session: none is forgotten", () => {
  const many = Array.from({ length: 1001 }, (_, i) => parse(`s${i}`, `SELECT ${i}`));
  assert.throws(
    () => watch(parse("s", evil), ...many, ...run("s")),
    (error) => isFault(error, "limit"),
  );
});

test("names that are the same or not by the encoding of a session end it", () => {
  const named = (byte: number, text: string) =>
    encodeMessage(
      clientTypes.parse,
      Buffer.concat([Buffer.from([byte, 0]), Buffer.from(`${text}\0\0\0`)]),
    );
  assert.throws(
    () => watch(named(0xe9, evil), named(0xe8, "SELECT 1")),
    (error) => isFault(error, "malformed"),
  );
});

test("what a server skips after an error changes no name", () => {
  const seen = lastOf(
    [parse("s", evil), sync],
    { server: answer("parseComplete", "ready") },
    [parse("x", "no SQL"), message("close", "Ss\0"), parse("s", "SELECT 1"), sync],
    { server: answer("error", "ready") },
    run("s"),
  );
  assert.deepEqual(seen, [evil]);
});

test("a COPY that drops one message and goes on with the next changes no name", () => {
  const seen = lastOf([parse("s", evil), sync], { server: answer("parseComplete", "ready") }, [
    message("query", "COPY t FROM STDIN\0"),
    parse("s", "SELECT 1"),
    ...run("s"),
  ]);
  assert.ok(seen.includes(`(one of 3) ${evil}`));
});

test("what a COPY dropped takes no answer that is for another", () => {
  const seen = lastOf(
    [message("query", "COPY t FROM STDIN\0"), parse("s", "SELECT 1")],
    { server: answer("error", "ready") },
    [parse("s", evil)],
    { server: answer("parseComplete") },
    [parse("s", "SELECT 2"), sync],
    { server: answer("error", "ready") },
    run("s"),
  );
  assert.ok(seen.some((text) => text.endsWith(evil)));
});

test("what the server answered is certain: closed names may be made without end", () => {
  const turns = Array.from({ length: 1500 }, (_, i) => [
    [parse(`s${i}`, `SELECT ${i}`), ...run(`s${i}`), message("close", `Ss${i}\0`), sync],
    { server: answer("parseComplete", "bindComplete", "closeComplete", "ready") },
  ]).flat();
  const again = { server: answer("parseComplete", "ready") };
  const seen = lastOf(...turns, [parse("", evil), sync], again, run(""));
  assert.deepEqual(seen, [evil]);
});

for (const length of [0, 3, 0x4000_0000, 0xffff_ffff]) {
  test(`a message that says it has ${length} bytes ends the session`, () => {
    const header = Buffer.alloc(5);
    header.writeUInt8(clientTypes.query, 0);
    header.writeUInt32BE(length, 1);
    assert.throws(
      () => watch(header),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("the pieces in which bytes come change nothing", () => {
  const texts = fc.array(fc.string({ maxLength: 150 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(2000), { maxLength: 10 });
  fc.assert(
    fc.property(texts, cuts, (bodies, at) => {
      const whole = Buffer.concat(bodies.map((text) => encodeMessage(0x51, Buffer.from(text))));
      const read = (pieces: readonly Buffer[]) => {
        const seen: string[] = [];
        const scanner = new MessageScanner(new Set([0x51]), limit, (_type, body, length) => {
          seen.push(`${length} ${body.toString("hex")}`);
        });
        for (const piece of pieces) scanner.push(piece);
        assert.ok(scanner.atBoundary);
        return seen;
      };
      const ends = [...new Set(at.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const pieces = [0, ...ends].map((from, i) => whole.subarray(from, ends[i] ?? whole.length));
      assert.deepEqual(read(pieces), read([whole]));
    }),
  );
});
