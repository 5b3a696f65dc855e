/** Printing and reading are inverse, for any text and any document. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import type { Resource } from "../kinds.ts";
import { parseResource } from "../parse.ts";
import { parseDocuments } from "./documents.ts";
import { compareKeys, formatJson, formatYaml, formatYamlValue } from "./format.ts";

const awkward = fc.constantFrom(
  "",
  " ",
  "yes",
  "No",
  "on",
  "null",
  "~",
  "12",
  "1_000",
  "0x1f",
  "1e3",
  ".5",
  "-",
  "- a",
  "?",
  "? a",
  ":",
  ":3022",
  "a: b",
  "a:",
  "a #b",
  "#a",
  "*",
  "&a",
  "!a",
  "|",
  ">",
  "'",
  '"',
  "it's",
  "%a",
  "@a",
  "`a",
  "{a",
  "[a",
  "]",
  "a, b",
  "2020-01-01",
  "20:30",
  "---",
  "--- a",
  "...",
  "<<",
  "=",
  "a\nb",
  "a\nb\n",
  "a\n\nb\n\n",
  "\na",
  " a\nb",
  "a \nb",
  "a\tb",
  "\t",
  "é",
  "\u0085",
  "\u2028",
  "\ufeff",
  "😀",
  "{{internal.logins}}",
  "true",
  "TRUE",
  "1.10",
  "+1",
  "a\r\nb",
  "\u007f",
  "\u009b2J",
);
const text = fc.oneof(awkward, fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
const key = text.filter((value) => value !== "__proto__");

test("any nested value printed as YAML is read again by another reader", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(value, (input) => {
      const printed = formatYamlValue(input);
      const read: unknown = parse(printed, { uniqueKeys: true, schema: "core" });
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(input)));
    }),
    { numRuns: 3000 },
  );
});

test("no text changes its type for a reader of YAML 1.1", () => {
  fc.assert(
    fc.property(text, (input) => {
      assert.equal(parse(formatYamlValue(input), { version: "1.1", schema: "yaml-1.1" }), input);
    }),
    { numRuns: 3000 },
  );
});

const clean = text.filter((value) => !value.includes("\0"));
const name = fc.stringMatching(/^[a-z][a-z0-9._@-]{0,20}$/);
const texts = fc.array(clean, { maxLength: 3 });
const labels = fc.dictionary(
  key.filter((k) => !k.includes("\0")),
  clean,
  { maxKeys: 4 },
);
const patterns = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,8}$/),
  fc.array(fc.stringMatching(/^[a-z*]{1,8}$/), { minLength: 1, maxLength: 3 }),
  { maxKeys: 3 },
);

const role = fc.record({
  kind: fc.constant("role"),
  version: fc.constantFrom("v3", "v4", "v5", "v6", "v7", "v8"),
  metadata: fc.record({ name, description: clean, labels }),
  spec: fc.record({
    allow: fc.record(
      {
        logins: fc.array(name, { maxLength: 3 }),
        node_labels: patterns,
        kubernetes_labels: patterns,
        db_permissions: fc.array(fc.record({ permissions: texts, match: patterns }), {
          maxLength: 2,
        }),
        rules: fc.array(
          fc.record({
            resources: fc.array(name, { minLength: 1, maxLength: 2 }),
            verbs: fc.subarray(["list", "read", "*", "enroll"]),
          }),
          { maxLength: 3 },
        ),
      },
      { requiredKeys: [] },
    ),
    options: fc.record(
      {
        device_trust_mode: fc.constantFrom(
          "off",
          "optional",
          "required",
          "required-for-humans",
          "",
        ),
        max_session_ttl: fc.constantFrom("12h", "90m", "1d12h", "0s", "1500ms"),
        require_session_mfa: fc.constantFrom(true, false, "yes", "hardware_key_touch"),
        forward_agent: fc.constantFrom(true, "yes", "no"),
      },
      { requiredKeys: [] },
    ),
  }),
});

const user = fc.record({
  kind: fc.constant("user"),
  metadata: fc.record({ name, labels }),
  spec: fc.record({
    roles: texts,
    traits: fc.dictionary(
      key.filter((k) => !k.includes("\0")),
      texts,
      { maxKeys: 4 },
    ),
  }),
});

test("a canonical document printed as YAML or JSON reads as the same document", () => {
  fc.assert(
    fc.property(fc.oneof(role, user), (input) => {
      const canonical: Resource = parseResource(input);
      for (const printed of [formatYaml(canonical), formatJson([canonical])]) {
        const again = parseDocuments(printed, { source: "-" });
        assert.deepEqual(again, [canonical]);
      }
      assert.deepEqual(parseResource(canonical), canonical);
      assert.deepEqual(JSON.parse(JSON.stringify(canonical)), canonical);
    }),
    { numRuns: 1500 },
  );
});

test("keys sort digits as numbers and letters last", () => {
  const sorted = ["k10", "k2", "db_users", "dbs", "db_labels", "Db", "'", "a"].sort(compareKeys);
  assert.deepEqual(sorted, ["'", "Db", "a", "db_labels", "db_users", "dbs", "k2", "k10"]);
});
