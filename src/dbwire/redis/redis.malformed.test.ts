/** Commands and replies that would be read by a server in another way than by us, by name; and streams in any pieces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { CommandWatch, type RedisCommand } from "./commands.ts";
import { encodeCommand, ReplyWatch } from "./replies.ts";

const limit = 40;

function commandsOf(...pieces: readonly (string | Buffer)[]): RedisCommand[] {
  const seen: RedisCommand[] = [];
  const watch = new CommandWatch(limit, (command) => seen.push(command));
  for (const piece of pieces) watch.push(Buffer.from(piece));
  return seen;
}

const attacks: readonly [string, string][] = [
  ["a line that ends without a carriage return", "*1\n$4\r\nAUTH\r\n"],
  ["a carriage return with another byte behind it", "*1\rX$4\r\nAUTH\r\n"],
  ["a bulk length with a sign", "*1\r\n$+4\r\nAUTH\r\n"],
  ["a negative bulk length", "*1\r\n$-1\r\n"],
  ["a bulk of a gigabyte", "*1\r\n$1073741824\r\n"],
  ["two million words", "*2000000\r\n"],
  ["a word that is no bulk", "*1\r\n:4\r\n"],
  ["an inline command with quotes, which may spell another one", '"\\x41UTH" bob x\r\n'],
  ["an inline command with a zero byte", "PING\0\r\n"],
  ["an inline command without an end", "x".repeat(70_000)],
  ["an inline command longer than people type", `${" ".repeat(8190)}AUTH bob x\r\n`],
];

for (const [name, bytes] of attacks) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => commandsOf(bytes),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("commands are told apart, inline ones too, and long ones are cut", () => {
  assert.deepEqual(commandsOf("PING\r\n\r\n*0\r\n", encodeCommand(["GET", "a b"]), "get  x\n"), [
    { words: ["PING"], cut: false },
    { words: ["GET", "a b"], cut: false },
    { words: ["get", "x"], cut: false },
  ]);
  const [long] = commandsOf(encodeCommand(["SET", "k", "v".repeat(1000)]));
  assert.ok(long?.cut);
  assert.equal(long.words[0], "SET");
});

test("blanks in front of an inline command hide none of its words", () => {
  for (const line of ["AUTH bob x", "HELLO 3 AUTH bob x", "RESET", "FLUSHALL"]) {
    for (const blanks of [limit - 4, limit - 2, limit, 10 * limit]) {
      assert.deepEqual(commandsOf(`${" ".repeat(blanks)}${line}\r\n`), [
        { words: line.split(" "), cut: false },
      ]);
    }
  }
});

test("a long inline command is cut in its words", () => {
  const [long] = commandsOf(`  SET  k ${"v".repeat(1000)} more\n`);
  assert.deepEqual(long, { words: ["SET", "k", "v".repeat(limit - 6)], cut: true });
});

test("the pieces in which commands come change nothing", () => {
  const word = fc.string({ maxLength: 60 });
  const commands = fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 5 });
  fc.assert(
    fc.property(commands, fc.integer({ min: 1, max: 30 }), (list, size) => {
      const whole = Buffer.concat(list.map(encodeCommand));
      const pieces: Buffer[] = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
      assert.deepEqual(commandsOf(...pieces), commandsOf(whole));
      assert.equal(commandsOf(whole).length, list.length);
    }),
  );
});

function repliesOf(bytes: string, size: number): { seen: string[]; atBoundary: boolean } {
  const seen: string[] = [];
  const watch = new ReplyWatch((line) => seen.push(line));
  const whole = Buffer.from(bytes);
  for (let at = 0; at < whole.length; at += size) watch.push(whole.subarray(at, at + size));
  return { seen, atBoundary: watch.atBoundary };
}

const replies: readonly [string, number][] = [
  ["+OK\r\n", 1],
  ["$5\r\na\r\nbc\r\n$-1\r\n", 2],
  ["*2\r\n*1\r\n:1\r\n$0\r\n\r\n", 1],
  ["*0\r\n*-1\r\n", 2],
  ["%1\r\n+a\r\n*2\r\n_\r\n#t\r\n", 1],
  [">2\r\n+message\r\n+x\r\n|1\r\n+ttl\r\n:3\r\n+value\r\n", 2],
];

for (const [bytes, count] of replies) {
  test(`${JSON.stringify(bytes)} is ${count} replies, in any pieces`, () => {
    for (const size of [1, 2, 3, 100]) {
      const { seen, atBoundary } = repliesOf(bytes, size);
      assert.equal(seen.length, count);
      assert.ok(atBoundary);
    }
  });
}

test("a reply without an end, of no type or nested without end is refused", () => {
  for (const bytes of ["?\r\n", "$x\r\n", "*1\r\n".repeat(100), `+${"x".repeat(70_000)}`]) {
    assert.throws(
      () => repliesOf(bytes, 1000),
      (error) => isFault(error, "malformed"),
    );
  }
});
