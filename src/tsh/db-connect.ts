/** `tsh db connect`: the database's own client, on a local port that is open as long as it runs. */
import { spawn } from "node:child_process";
import { openLocalEnd } from "#client/database/local-end.ts";
import { findCommand } from "#client/database/programs.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { chooseDatabase, failureText } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import type { dbConnect } from "./program.ts";

/** Runs the client; its exit code is passed on. Throws `environment` when it is not installed. */
export async function run(invocation: TshInvocation<typeof dbConnect>): Promise<number> {
  const { args, flags, shared, console, services } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  try {
    const chosen = await chooseDatabase(access, login, args.db, flags, services.now());
    const { route, database } = chosen;
    const { protocol } = database.spec;
    const end = await openLocalEnd({
      ...{ access, route, port: 0 },
      onFailure: (error) => console.note(`ERROR: ${failureText(error)}`),
    });
    try {
      const place = { host: "127.0.0.1", port: end.port };
      const command = findCommand(protocol, place, route, services.env["PATH"] ?? "");
      progress.stop();
      return await runClient(command.program, [...command.args, ...args.options]);
    } finally {
      await end.close();
    }
  } finally {
    progress.stop();
    access.close();
  }
}

/** Ctrl-C is the client's: it ends a query there, not the program. */
async function runClient(program: string, args: readonly string[]): Promise<number> {
  const listeners = process.listeners("SIGINT");
  const ignore = () => {};
  process.removeAllListeners("SIGINT");
  process.on("SIGINT", ignore);
  try {
    const child = spawn(program, [...args], { stdio: "inherit" });
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", ignore);
    for (const listener of listeners) process.on("SIGINT", listener);
  }
}
