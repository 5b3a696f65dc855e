/** `tctl users ls` */
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import { presentResource } from "#resource/present.ts";
import type { User } from "#resource/user.ts";
import type { Invocation, usersLs } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Lists users by name. */
export async function run(invocation: Invocation<typeof usersLs>): Promise<void> {
  const { console, flags } = invocation;
  const users = await withAuth(invocation, (auth) => auth.list("user"));
  const shown = users.map(presentResource);
  await printAs(console, flags.format, shown, () => printUsers(console, users), 4);
}

/** The table of users. */
export function printUsers(console: Console, users: readonly User[]): void {
  if (users.length === 0) {
    console.print("No users found");
    return;
  }
  const rows = [...users]
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((user) => [user.metadata.name, user.spec.roles.join(",")]);
  printTable(console, ["User", "Roles"], rows);
  console.print();
}
