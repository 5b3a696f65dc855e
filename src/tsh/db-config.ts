/** `tsh db config`: where programs find a database behind its local end, and the command of its own client. */
import { printAs } from "#cli/output.ts";
import { commandOf } from "#client/database/programs.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { chooseDatabase, localEndOf } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import type { dbConfig } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Prints. The port is open while `tsh proxy db` runs. */
export async function run(invocation: TshInvocation<typeof dbConfig>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  const chosen = await chooseDatabase(access, login, args.db, flags, services.now()).finally(() => {
    progress.stop();
    access.close();
  });
  const { route, database } = chosen;
  const { host, port } = localEndOf(database.spec.protocol, flags.port);
  const { program, args: words } = commandOf(database.spec.protocol, { host, port }, route);
  const command = [program, ...words].map(shellWord).join(" ");
  const { format } = flags;
  if (format === "cmd") {
    console.print(command);
    return;
  }
  const { serviceName: name, username: user, database: dbName, protocol } = route;
  await printAs(
    console,
    format,
    { name, protocol, host, port, user, database: dbName, command },
    () => {
      console.print(`Name:     ${name}`);
      console.print(`Host:     ${host}`);
      console.print(`Port:     ${port}`);
      console.print(`User:     ${user}`);
      console.print(`Database: ${dbName}`);
      console.print("TLS:      none: it begins behind the local port");
    },
  );
  console.note(`hint: open that port with: tsh proxy db --port=${port} ${name}`);
}
