/** `tsh proxy db`: a local port behind which a database is, until Ctrl-C. */
import { once } from "node:events";
import { openLocalEnd } from "#client/database/local-end.ts";
import { commandOf } from "#client/database/programs.ts";
import { parsePort } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { chooseDatabase, failureText } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import type { proxyDb } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Serves. Every connection is a session of its own. */
export async function run(invocation: TshInvocation<typeof proxyDb>): Promise<void> {
  const { args, flags, shared, console, services, signal } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  try {
    const chosen = await chooseDatabase(access, login, args.db, flags, services.now());
    const { route, database } = chosen;
    const port = flags.port === undefined ? 0 : parsePort(flags.port);
    const end = await openLocalEnd({
      ...{ access, route, port },
      onFailure: (error) => console.note(`ERROR: ${failureText(error)}`),
    });
    try {
      progress.stop();
      const place = { host: "127.0.0.1", port: end.port };
      const { program, args: words } = commandOf(database.spec.protocol, place, route);
      console.print(
        `Started authenticated tunnel for the ${database.spec.protocol} database "${route.serviceName}" in cluster "${login.key.cluster}" on ${place.host}:${place.port}.`,
      );
      console.print("");
      console.print(
        "Use the following command to connect to the database, or your own program without TLS:",
      );
      console.print(`  $ ${[program, ...words].map(shellWord).join(" ")}`);
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      await end.close();
    }
  } finally {
    progress.stop();
    access.close();
  }
}
