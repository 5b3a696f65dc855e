/** Redis: commands of clients and replies of servers as they pass, whole and in any pieces. */
import assert from "node:assert/strict";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { assertServed } from "#database/redis/served.ts";
import { CommandWatch } from "#dbwire/redis/commands.ts";
import { encodeCommand, ReplyWatch } from "#dbwire/redis/replies.ts";
import type { Target } from "../target.ts";

const limit = 100;

/** The first byte chooses the side that is attacked. */
export const redis: Target = {
  name: "redis",
  maxLength: 80_000,
  dictionary: [
    "*1\r\n",
    "$4\r\nAUTH\r\n",
    "HELLO",
    "RESET\r\n",
    "%1\r\n",
    ">2\r\n",
    "|1\r\n",
    "$-1\r\n",
  ],
  open: () => ({
    seeds: [
      encodeCommand(["SET", "key", "value"]),
      Buffer.from("PING\r\nget x\n"),
      Buffer.from("*2\r\n$1\r\na\r\n%1\r\n+a\r\n:1\r\n"),
    ].flatMap((seed) => [0, 1].map((side) => concat(Uint8Array.of(side), seed))),
    run(input) {
      const bytes = Buffer.from(input.subarray(1));
      const watch = (input[0] ?? 0) % 2 === 0 ? commandsOf : repliesOf;
      const whole = watch(bytes, bytes.length);
      assertNoOtherUser(bytes);
      assert.deepEqual(watch(bytes, 1 + ((input[1] ?? 0) % 17)), whole);
      return `${(input[0] ?? 0) % 2} ${Math.min(whole.length, 5)}`;
    },
  }),
};

const changes = ["AUTH bob x", "HELLO 3 AUTH bob x", "RESET", "hello\t3 SETNAME n auth bob x"];

/** A command that would change the user is refused, whatever blanks and case the input gives it. */
function assertNoOtherUser(bytes: Buffer): void {
  const line = changes[(bytes[0] ?? 0) % changes.length] ?? "";
  const pad = Array.from(bytes.subarray(1), (byte) => (byte % 2 === 0 ? " " : "\t")).join("");
  const spaced = line.replaceAll(" ", `${pad} `);
  assert.throws(
    () => new CommandWatch(limit, assertServed).push(Buffer.from(`${pad}${spaced}\r\n`)),
    (error) => isFault(error, "access-denied") || isFault(error, "malformed"),
  );
}

function commandsOf(bytes: Buffer, size: number): string[] {
  const seen: string[] = [];
  const watch = new CommandWatch(limit, ({ words, cut }) => {
    // One word may begin with room left for nothing but itself.
    assert.ok(words.length <= 2 * limit);
    seen.push(JSON.stringify([words, cut]));
  });
  pushAll(watch, bytes, size);
  return seen;
}

function repliesOf(bytes: Buffer, size: number): string[] {
  const seen: string[] = [];
  pushAll(new ReplyWatch((line) => seen.push(line)), bytes, size);
  return seen;
}

function pushAll(watch: { push(chunk: Buffer): void }, bytes: Buffer, size: number): void {
  for (let at = 0; at < bytes.length; at += Math.max(1, size)) {
    watch.push(bytes.subarray(at, at + Math.max(1, size)));
  }
}
