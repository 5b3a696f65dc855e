/** Asks one question of each kind. */
import type { Console } from "#cli/console.ts";

/** Prints the answers as JSON. */
export async function run({ console }: { readonly console: Console }): Promise<void> {
  const name = await console.prompt.line("Name:");
  const password = await console.prompt.secret("Password:");
  const sure = await console.prompt.confirm("Sure?");
  const next = await console.prompt.choose("What now?", { e: "edit", a: "abort" });
  console.print(JSON.stringify({ name, password, sure, next }));
}
