/** `tsh db env`: lines for `eval` that lead programs to the local end of a database. */
import { printAs } from "#cli/output.ts";
import { environmentOf } from "#client/database/programs.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { chooseDatabase, localEndOf } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import type { dbEnv } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Prints variables; says on stderr what must run beside. */
export async function run(invocation: TshInvocation<typeof dbEnv>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  const chosen = await chooseDatabase(access, login, args.db, flags, services.now()).finally(() => {
    progress.stop();
    access.close();
  });
  const { route, database } = chosen;
  const end = localEndOf(database.spec.protocol, flags.port);
  const values = environmentOf(database.spec.protocol, end, route);
  await printAs(console, flags.format, values, () => {
    for (const [name, value] of Object.entries(values)) {
      console.print(`export ${name}=${shellWord(value)}`);
    }
  });
  console.note(`hint: open that port with: tsh proxy db --port=${end.port} ${route.serviceName}`);
}
