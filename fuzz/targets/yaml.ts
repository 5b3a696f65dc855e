/** Resource files: every problem is a diagnostic, and what is accepted is printed and read again unchanged. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { utf8 } from "#base/bytes.ts";
import { presetRoles } from "#resource/presets/presets.ts";
import { defaultAuthPreference, defaultNetworkingConfig } from "#resource/singletons.ts";
import { checkDocuments, parseDocuments } from "#resource/yaml/documents.ts";
import { formatYamlDocuments } from "#resource/yaml/format.ts";
import { SeededNumbers } from "../random.ts";
import { type Target, textOf } from "../target.ts";

const options = { source: "fuzz.yaml" };
const device = readFileSync(new URL("../seeds/resources.yaml", import.meta.url), "utf8");

export const yaml: Target = {
  name: "yaml",
  maxLength: 60_000,
  dictionary: [
    ...[
      "kind: role\n",
      "---\n",
      "&a ",
      "*a",
      "!!binary ",
      "<<: *a\n",
      "? ",
      "- - - ",
      "{a: [",
      "|2-\n",
    ],
    ...["__proto__: 1\n", "\t", "'", '"', "\u2028", "0x1F", ".inf", "~", "\ufeff", "%YAML 1.1\n"],
  ],
  open: () => ({
    seeds: [
      ...presetRoles(new SeededNumbers(3n).bytes).map((role) => formatYamlDocuments([role])),
      formatYamlDocuments([defaultAuthPreference(), defaultNetworkingConfig()]),
      device,
    ].map(utf8),
    run(input) {
      const text = textOf(input);
      const { resources, diagnostics } = checkDocuments(text, options);
      for (const { line, column } of diagnostics) assert.ok(line >= 1 && column >= 1);
      if (resources.length > 0) {
        const printed = formatYamlDocuments(resources);
        assert.deepEqual(parseDocuments(printed, options), resources, "a resource changes");
      }
      const [first] = diagnostics;
      const words = first?.message.replace(/"[^"]*"|\d+/g, "#").slice(0, 60);
      return `${resources.map((each) => each.kind).slice(0, 3)} ${words ?? ""}`;
    },
  }),
};
