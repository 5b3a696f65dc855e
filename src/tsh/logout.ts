/** `tsh logout`: ends logins and deletes their keys, on disk and in the agent. */
import { Fault } from "#base/fault.ts";
import { forgetLogin } from "#client/agent/client.ts";
import { findLogin, listHosts, type StoredLogin } from "#client/profile/logins.ts";
import { hostOf } from "#client/profile/names.ts";
import { removeLogin } from "#client/profile/store.ts";
import type { TshInvocation, TshServices } from "./context.ts";
import type { logout } from "./program.ts";

/** Without `--proxy` every login ends. */
export async function run({
  shared,
  console,
  services,
}: TshInvocation<typeof logout>): Promise<void> {
  // The address may come from the environment: only what was asked for narrows a logout.
  const asked = shared.proxy !== undefined && shared.proxy !== services.env["TELEPORT_PROXY"];
  if (!asked) {
    const hosts = listHosts(services.folder);
    for (const host of hosts) {
      const login = await findLogin(services.folder, host);
      if (login !== undefined) await end(services, login);
    }
    console.print(
      hosts.length === 0 ? "All users logged out." : "Logged out all users from all proxies.",
    );
    return;
  }
  const host = hostOf(shared.proxy ?? "");
  const login = await findLogin(services.folder, host);
  if (login === undefined || (shared.user !== undefined && shared.user !== login.key.user)) {
    throw new Fault("not-found", `${shared.user ?? "nobody"} is not logged in at ${host}`, {
      hint: "see who is logged in with: tsh status",
    });
  }
  await end(services, login);
  console.print(`Logged out ${login.key.user} from ${host}.`);
}

async function end(services: TshServices, login: StoredLogin): Promise<void> {
  await removeLogin(login);
  await forgetLogin(services.agent.place, login.key.host);
}
