/** `--format=text|json|yaml`: one flag and one function for every listing. */

import { showableJson } from "#base/showable.ts";
import type { Console } from "./console.ts";
import { choice } from "./flag.ts";

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
  else {
    const { toYaml } = await import("./yaml.ts");
    console.write(toYaml(value));
  }
}
