/** PostgreSQL: start-up packets of clients, greetings and errors of servers, and the messages that pass, in any pieces. */
import assert from "node:assert/strict";
import { concat } from "#base/bytes.ts";
import { parseAuthentication, parseError } from "#dbwire/postgres/messages.ts";
import { MessageScanner } from "#dbwire/postgres/scanner.ts";
import {
  encodeCancel,
  encodeSslRequest,
  encodeStartup,
  parseStartup,
} from "#dbwire/postgres/startup.ts";
import { StatementWatch } from "#dbwire/postgres/statements.ts";
import type { Target } from "../target.ts";

const limit = 200;

/** The first byte chooses what is attacked. */
export const postgres: Target = {
  name: "postgres",
  maxLength: 12_000,
  dictionary: [
    "user\0",
    "database\0",
    "_pq_.",
    "replication\0",
    "\0\0\0\0",
    "Q\0\0\0\x06;\0",
    "P\0\0\0\x10",
  ],
  open: () => ({
    seeds: [
      encodeStartup(
        new Map([
          ["user", "alice"],
          ["database", "orders"],
        ]),
      ).subarray(4),
      encodeSslRequest().subarray(4),
      encodeCancel(Buffer.alloc(8, 7)).subarray(4),
      Buffer.from(
        "Q\0\0\0\x0dSELECT 1\0P\0\0\0\x0bs\0SELE\0B\0\0\0\x08\0s\0\0E\0\0\0\x09\0\0\0\0\0",
        "latin1",
      ),
      Buffer.from("SFATAL\0C28000\0Mno\0\0", "latin1"),
    ].flatMap((seed) => [0, 1, 2].map((which) => concat(Uint8Array.of(which), seed))),
    run(input) {
      const body = Buffer.from(input.subarray(1));
      switch ((input[0] ?? 0) % 3) {
        case 0: {
          const packet = parseStartup(body);
          if (packet.kind === "startup") assert.ok(packet.parameters.get("user"));
          return packet.kind;
        }
        case 1:
          return `${parseAuthentication(body)} ${parseError(body).code.slice(0, 5).length}`;
        default:
          return watch(body, (input[1] ?? 0) % 17);
      }
    },
  }),
};

/** Whole and in pieces must be the same. */
function watch(bytes: Buffer, piece: number): string {
  const whole: string[] = [];
  const pieces: string[] = [];
  const one = new StatementWatch(limit, (text) => whole.push(text));
  const other = new StatementWatch(limit, (text) => pieces.push(text));
  for (let at = 0; at < bytes.length; at += piece + 1)
    other.push(bytes.subarray(at, at + piece + 1));
  one.push(bytes);
  assert.deepEqual(pieces, whole);
  assert.ok(whole.every((text) => text.length <= limit + 100 + 255));
  const types = new MessageScanner(new Set([0x45]), 0, () => {});
  types.push(bytes);
  return `${Math.min(whole.length, 5)} ${types.atBoundary}`;
}
