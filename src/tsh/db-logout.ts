/** `tsh db logout`: removes the stored certificate of one database, or of all. */
import { Fault } from "#base/fault.ts";
import { removeStoredDatabase, storedDatabases } from "#client/database/stored.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import type { dbLogout } from "./program.ts";

/** Removes; a database that was not logged in to is an error. */
export async function run({
  args,
  shared,
  console,
  services,
}: TshInvocation<typeof dbLogout>): Promise<void> {
  const login = await selectLogin(services, shared);
  const stored = storedDatabases(login);
  if (args.db !== undefined && !stored.includes(args.db)) {
    throw new Fault("not-found", `not logged in to database "${args.db}"`, {
      hint: `logged in to: ${stored.join(", ") || "none"}`,
    });
  }
  const names = args.db === undefined ? stored : [args.db];
  for (const name of names) removeStoredDatabase(login, name);
  console.print(
    args.db === undefined ? "Logged out of all databases." : `Logged out of database "${args.db}".`,
  );
}
