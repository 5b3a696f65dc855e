/** The opening message of a raw tunnel, from a client and from a proxy, in any division into chunks. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { parseAnswer, parseOpening, readOpening } from "#api/tunnel/opening.ts";
import { concat, utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseTarget } from "#proxy/targets.ts";
import type { Target } from "../target.ts";

export const tunnelOpening: Target = {
  name: "tunnel-opening",
  maxLength: 70_000,
  dictionary: ['"target":', '"ok":true', "null", "[[[[", "::1", "[::1]:22", "host:65536", "\0\0"],
  open: () => ({
    seeds: [
      { target: "node:3022", login: "root", cluster: "example.com" },
      { target: "[::1]:22", login: "", cluster: "" },
      { ok: true },
      { ok: false, code: "not-found", message: "no", hint: "x" },
    ].map((value) => sized(utf8(JSON.stringify(value)))),
    async run(input) {
      const stream = new PassThrough();
      const cut = (input[0] ?? 0) % 7;
      stream.write(input.subarray(0, cut));
      stream.end(input.subarray(cut));
      const value = await readOpening(stream);
      const answer = answerOf(value);
      const { target, login, cluster } = parseOpening(value);
      assert.ok(target.length <= 512 && login.length <= 4096 && cluster.length <= 4096);
      const { host, port } = parseTarget(target);
      assert.ok(host !== "" && port <= 65_535);
      return `${answer} ${port > 0}`;
    },
  }),
};

function answerOf(value: unknown): string {
  try {
    parseAnswer(value);
    return "yes";
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.code;
  }
}

function sized(body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(body.length >>> 8, body.length), body);
}
