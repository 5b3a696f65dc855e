/** `tsh env`: the login as shell variables. */
import { printAs } from "#cli/output.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import type { env } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Prints `export` lines, or `unset` lines that take them back. */
export async function run({
  flags,
  shared,
  console,
  services,
}: TshInvocation<typeof env>): Promise<void> {
  const names = ["TELEPORT_PROXY", "TELEPORT_CLUSTER"] as const;
  if (flags.unset) {
    for (const name of names) console.print(`unset ${name}`);
    return;
  }
  const { document, key } = await selectLogin(services, shared);
  const values = { TELEPORT_PROXY: document.webProxyAddr, TELEPORT_CLUSTER: key.cluster };
  await printAs(console, flags.format, values, () => {
    for (const name of names) console.print(`export ${name}=${shellWord(values[name])}`);
  });
}
