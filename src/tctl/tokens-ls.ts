/** `tctl tokens ls` */

import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { formatLabels, printTable } from "#cli/table.ts";
import { presentResource } from "#resource/present.ts";
import { instantOf } from "#resource/time.ts";
import type { Token } from "#resource/token.ts";
import type { Invocation, tokensLs } from "./commands.ts";
import { formatExpiry } from "./format.ts";
import { withAuth } from "./services.ts";

/** Lists tokens, those that expire first at the top. */
export async function run(invocation: Invocation<typeof tokensLs>): Promise<void> {
  const { console, flags, services } = invocation;
  const tokens = await withAuth(invocation, (auth) => auth.list("token"));
  const shown = tokens.map(presentResource);
  const now = services.clock.now();
  await printAs(console, flags.format, shown, () => printTokens(console, tokens, now), 4);
}

/** The table of tokens. */
export function printTokens(console: Console, tokens: readonly Token[], now: Date): void {
  if (tokens.length === 0) {
    console.print("No active tokens found.");
    return;
  }
  const order = (token: Token) =>
    instantOf(token.metadata.expires)?.getTime() ?? Number.POSITIVE_INFINITY;
  const rows = [...tokens]
    .sort((a, b) => order(a) - order(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((token) => [
      token.metadata.name,
      token.spec.roles.join(","),
      formatLabels(token.metadata.labels),
      formatExpiry(instantOf(token.metadata.expires), now),
    ]);
  printTable(console, ["Token", "Type", "Labels", "Expiry Time (UTC)"], rows);
}
