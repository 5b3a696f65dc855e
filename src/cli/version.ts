/** The `version` command. */
import type { Console } from "./console.ts";
import { type Format, printAs } from "./output.ts";
import type { Program } from "./program.ts";

/** A module that prints the program's version line, or its words as `{ name, version, runtime }`. */
export function printVersion(program: Program): {
  run(invocation: { console: Console; flags: { format: Format } }): Promise<void>;
} {
  const [name, version, runtime] = program.version.split(" ");
  return {
    run: ({ console, flags }) =>
      printAs(console, flags.format, { name, version: version?.replace(/^v/, ""), runtime }, () =>
        console.print(program.version),
      ),
  };
}
