/** MySQL: answers of clients, greetings of servers, and the commands that pass, whole and in any pieces. */
import assert from "node:assert/strict";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { encodePacket } from "#dbwire/mysql/packets.ts";
import { encodeAnswer, encodeGreeting, parseAnswer, parseGreeting } from "#dbwire/mysql/startup.ts";
import { StatementWatch } from "#dbwire/mysql/statements.ts";
import type { Target } from "../target.ts";

const limit = 100;
const answer = {
  capabilities: 0x200,
  longestPacket: 1 << 24,
  charset: 45,
  user: "alice",
  database: "orders",
};

/** The first byte chooses what is attacked. */
export const mysql: Target = {
  name: "mysql",
  maxLength: 12_000,
  dictionary: [
    "\x03SELECT",
    "\x16",
    "\x17\x01\0\0\0",
    "\x11",
    "\xff\x15\x04#28000",
    "mysql_native_password\0",
  ],
  open: () => ({
    seeds: [
      encodeAnswer(answer, false),
      encodeGreeting("10.11.0", 7, Buffer.alloc(20, 9)),
      Buffer.concat([
        encodePacket(0, Buffer.from("\x03SELECT 1")),
        encodePacket(0, Buffer.from("\x16SELECT ?")),
      ]),
    ].flatMap((seed) => [0, 1, 2].map((which) => concat(Uint8Array.of(which), seed))),
    run(input) {
      const body = Buffer.from(input.subarray(1));
      switch ((input[0] ?? 0) % 3) {
        case 0:
          return `${parseAnswer(body).user.length > 0}`;
        case 1:
          return `${parseGreeting(body).serverVersion.length > 0}`;
        default: {
          const whole = watch(body, body.length);
          assert.deepEqual(watch(body, 1 + ((input[1] ?? 0) % 17)), whole);
          return `${Math.min(whole.length, 5)}`;
        }
      }
    },
  }),
};

function watch(bytes: Buffer, size: number): string[] {
  const seen: string[] = [];
  const statements = new StatementWatch(limit, (text) => seen.push(text));
  try {
    for (let at = 0; at < bytes.length; at += Math.max(1, size)) {
      const piece = bytes.subarray(at, at + Math.max(1, size));
      statements.fromClient(piece);
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    seen.push(error.code);
  }
  statements.fromServer(bytes);
  assert.ok(seen.every((text) => text.length <= limit + 100));
  return seen;
}
