/** `tctl users reset` */
import { printAs } from "#cli/output.ts";
import type { Invocation, usersReset } from "./commands.ts";
import { formatValidity } from "./format.ts";
import { explainMissing } from "./missing.ts";
import { withAuth } from "./services.ts";

/** Asks for a reset link; the server voids the old password. */
export async function run(invocation: Invocation<typeof usersReset>): Promise<void> {
  const { args, flags, console, services } = invocation;
  const { url, expires } = await withAuth(invocation, (auth) =>
    auth
      .createUserLink(args.user, "password", flags.ttl)
      .catch((error: unknown) => explainMissing("user", error)),
  );
  const value = { user: args.user, url, expires: expires.toISOString() };
  await printAs(console, flags.format, value, () => {
    console.print(
      `User "${args.user}" has been reset. Share this URL with the user to complete password ` +
        `reset, link is valid for ${formatValidity(expires, services.clock.now())}:`,
    );
    console.print(url);
    console.print();
    console.print(
      `NOTE: logins that are open stay open; where they may be somebody else's: tctl lock --user=${args.user} --ttl=30h`,
    );
    console.print(`NOTE: ${new URL(url).host} must be reachable from the user's machine.`);
  });
}
