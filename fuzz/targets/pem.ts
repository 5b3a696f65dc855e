/** PEM texts: what is accepted is what would have been written, blank lines and line ends apart. */
import assert from "node:assert/strict";
import { utf8 } from "#base/bytes.ts";
import { formatPem, parsePem } from "#x509/pem.ts";
import { x509Certificate } from "../fixtures.ts";
import { type Target, textOf } from "../target.ts";

const label = "CERTIFICATE";

export const pem: Target = {
  name: "pem",
  maxLength: 100_000,
  dictionary: ["-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "\r\n", "=", "\n\n"],
  open: () => ({
    seeds: [
      utf8(formatPem(label, x509Certificate())),
      utf8(formatPem(label, Uint8Array.of(1, 2)) + formatPem(label, new Uint8Array(48))),
    ],
    run(input) {
      const text = textOf(input);
      const blocks = parsePem(label, text);
      const written = blocks.map((block) => formatPem(label, block)).join("");
      const bare = text.split(/\r?\n/).filter((line) => line !== "");
      assert.deepEqual(written.split("\n").slice(0, -1), bare, "a block has two forms");
      return `${blocks.length}`;
    },
  }),
};
