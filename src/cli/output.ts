/** `--format=text|json|yaml`: one flag and one function for every listing. */

import type { Console } from "./console.ts";
import { choice } from "./flag.ts";
import { showableJson } from "./showable.ts";

/** How a listing is printed. */
export type Format = "text" | "json" | "yaml";

/** The flag of every listing; text by default. */
export const formatFlag = choice(["text", "json", "yaml"], "form of the output", {
  default: "text",
  short: "f",
});

/** Prints `value` as JSON (two spaces, or `indent`) or YAML, or calls `text` to print it for people. */
export async function printAs(
  console: Console,
  format: Format,
  value: unknown,
  text: () => void | Promise<void>,
  indent = 2,
): Promise<void> {
  if (format === "text") await text();
  else if (format === "json") console.print(showableJson(JSON.stringify(value, undefined, indent)));
  else console.write(await toYaml(value));
}

/** YAML in block style, keys sorted, lists not indented, long lines not folded. */
export async function toYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  const plain = JSON.parse(JSON.stringify(value ?? null)) as unknown;
  return stringify(plain, {
    // Quotes what an older reader would take for a time or a boolean.
    schema: "yaml-1.1",
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
