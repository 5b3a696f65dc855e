/** The first line of an SSH connection (RFC 4253 section 4.2), in any division into chunks, in both roles. */
import assert from "node:assert/strict";
import { utf8 } from "#base/bytes.ts";
import { messageOf } from "#base/fault.ts";
import { VersionReader } from "#ssh/transport/version.ts";
import type { Target } from "../target.ts";

type Role = "client" | "server";

export const sshVersion: Target = {
  name: "ssh-version",
  maxLength: 16_384,
  dictionary: ["SSH-2.0-", "SSH-1.99-", "\r\n", "\n", "\r", "\0", "SSH-"],
  open: () => ({
    seeds: [
      "SSH-2.0-OpenSSH_9.9\r\n",
      "SSH-1.99-old comment here\n",
      "banner\r\nSSH-2.0-x\r\nmore",
    ].map(utf8),
    run(input) {
      return (["client", "server"] as const)
        .map((role) => {
          const whole = read(role, [input]);
          const bytes = [...input].map((byte) => Uint8Array.of(byte));
          const cut = input.length >> 1;
          const halves = [input.subarray(0, cut), input.subarray(cut)];
          assert.equal(read(role, halves), whole, "two chunks lead elsewhere than one");
          // A refusal may come earlier, and in other words, when less is known.
          if (whole.startsWith("version ")) assert.equal(read(role, bytes), whole);
          return whole.split(" ")[0];
        })
        .join();
    },
  }),
};

/** The version that a reader finds and how many bytes it takes; "refused", or "more". */
function read(role: Role, chunks: readonly Uint8Array[]): string {
  const reader = new VersionReader(role);
  let before = 0;
  for (const chunk of chunks) {
    let found: ReturnType<VersionReader["read"]>;
    try {
      found = reader.read(chunk);
    } catch (error) {
      assert.match(messageOf(error), /SSH/);
      return "refused";
    }
    if (found !== undefined) return `version ${found.version} ${before + found.consumed}`;
    before += chunk.length;
  }
  return "more";
}
