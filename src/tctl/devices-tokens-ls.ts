/** `tctl devices tokens ls` */
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { IssuedToken } from "./auth-client.ts";
import type { devicesTokensLs, Invocation } from "./commands.ts";
import { presentToken } from "./enroll-token-text.ts";
import { formatExpiry } from "./format.ts";
import { withAuth } from "./services.ts";

/** Lists the tokens that are still good, those that expire first at the top. */
export async function run(invocation: Invocation<typeof devicesTokensLs>): Promise<void> {
  const { args, console, flags, services } = invocation;
  const found = await withAuth(invocation, (auth) => auth.listEnrollTokens(args.device));
  const tokens = [...found].sort(byExpiry);
  const now = services.clock.now();
  await printAs(console, flags.format, tokens.map(presentToken), () => {
    if (tokens.length === 0) {
      console.print("No active enrollment tokens found.");
      return;
    }
    const rows = tokens.map((token) => [
      token.id,
      token.assetTag,
      token.createdBy,
      token.onlyFor ?? "whoever may enroll",
      formatExpiry(token.expires, now),
    ]);
    printTable(console, ["ID", "Asset Tag", "Created By", "For", "Expiry Time (UTC)"], rows);
  });
}

function byExpiry(a: IssuedToken, b: IssuedToken): number {
  return Number(a.expires) - Number(b.expires) || (a.id < b.id ? -1 : 1);
}
