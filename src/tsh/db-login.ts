/**
 * `tsh db login`: settles as whom a database is reached, and stores a certificate for it. That certificate names no device:
 * where one is demanded, `tsh db connect` and `tsh proxy db` connect with keys that are never written.
 */
import { certifyForDatabase } from "#client/cluster/databases.ts";
import { storeDatabase } from "#client/database/stored.ts";
import { openAuth } from "#client/open-auth.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { chooseDatabase, loginIdentity } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import type { dbLogin } from "./program.ts";

/** Logs in, and says how to go on. */
export async function run(invocation: TshInvocation<typeof dbLogin>): Promise<void> {
  const { args, flags, shared, console, services, signal } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  try {
    const { route } = await chooseDatabase(access, login, args.db, flags, services.now());
    const { expires } = await loginIdentity(login);
    const { user, cluster } = login.key;
    const auth = await openAuth(login, signal);
    try {
      const identity = await certifyForDatabase(auth, { user, cluster, expires }, route);
      storeDatabase(login, route.serviceName, identity);
    } finally {
      await auth.close();
    }
    progress.stop();
    const name = route.serviceName;
    console.print(`Connection information for database "${name}" has been saved.`);
    console.print("");
    console.print("You can now connect to it using the following commands:");
    console.print("");
    console.print(`  tsh db connect ${name}`);
    console.print(`  tsh proxy db ${name}`);
  } finally {
    progress.stop();
    access.close();
  }
}
