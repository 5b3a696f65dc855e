/** Every SSH message and payload that has a table: decoded, encoded again, decoded again. SFTP included. */
import assert from "node:assert/strict";
import { concat } from "#base/bytes.ts";
import { decodeTerminalModes } from "#ssh/connection/terminal-modes.ts";
import type { Layout } from "#ssh/layout.ts";
import * as auth from "#ssh/messages/auth.ts";
import * as connection from "#ssh/messages/connection.ts";
import * as transport from "#ssh/messages/transport.ts";
import * as sftp from "#ssh/sftp/messages.ts";
import type { Target } from "../target.ts";

const layouts: readonly (readonly [string, Layout<object>])[] = [transport, auth, connection, sftp]
  .flatMap((module) => Object.entries(module))
  .map(([name, layout]) => [name, layout as Layout<object>]);

/** The first byte chooses the layout; a message's own number is put in front. */
export const sshMessages: Target = {
  name: "ssh-messages",
  maxLength: 70_000,
  dictionary: ["ssh-userauth", "publickey", "ssh-ed25519", "session", "exec", "\0\0\0\x07"],
  open: () => ({
    seeds: layouts.map((_, index) =>
      concat(Uint8Array.of(index), new Uint8Array(40).fill(0, 0, 3), Uint8Array.of(2, 1, 1)),
    ),
    run(input) {
      const [name, layout] = layouts[(input[0] ?? 0) % layouts.length] ?? [
        "none",
        connection.empty,
      ];
      const number = (layout as { number?: number }).number;
      const body = input.subarray(1);
      const bytes = number === undefined ? body : concat(Uint8Array.of(number), body);
      if (name === "ptyRequest") decodeTerminalModes(body);
      const value = layout.decode(bytes);
      const encoded = layout.encode(value).slice();
      assert.deepEqual(layout.decode(encoded), value, `${name} changes on its way`);
      return name;
    },
  }),
};
