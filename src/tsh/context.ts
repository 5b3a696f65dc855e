/** What all commands of tsh share: the flags that each accepts, and where profile, agent and streams are. */

import { Fault, isFault } from "#base/fault.ts";
import type { Command, Invocation } from "#cli/command.ts";
import { boolean, string } from "#cli/flag.ts";
import type { AgentCommand } from "#client/agent/start.ts";
import { type AgentSettings, agentSettings } from "#client/open-access.ts";
import { getLogin, type StoredLogin } from "#client/profile/logins.ts";
import { hostOf } from "#client/profile/names.ts";
import { profileFolder } from "#client/profile/paths.ts";

/** Flags of every command. */
export const shared = {
  proxy: string("address of the proxy", { env: "TELEPORT_PROXY", placeholder: "HOST[:PORT]" }),
  user: string("user of the cluster", { env: "TELEPORT_USER", placeholder: "NAME" }),
  cluster: string("name of the cluster", { env: "TELEPORT_CLUSTER", placeholder: "NAME" }),
  insecure: boolean("accept an untrusted web certificate this once, and remember it"),
};

/** Raw streams of the process, for commands that carry bytes. */
export interface Stdio {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** What commands work with. */
export interface TshServices {
  readonly env: NodeJS.ProcessEnv;
  /** The profile folder. */
  readonly folder: string;
  readonly agent: AgentSettings;
  /** The words that call tsh from other programs: in `tsh config`. */
  readonly program: readonly string[];
  readonly now: () => Date;
  readonly stdio: () => Stdio;
}

/** What the implementation of a command receives. */
export type TshInvocation<C extends Command> = Invocation<C, typeof shared, TshServices>;

/** Services of the machine. `agentCommand` starts the agent. */
export function openServices(
  env: NodeJS.ProcessEnv,
  program: readonly string[],
  agentCommand: AgentCommand,
): TshServices {
  const folder = profileFolder(env);
  return {
    env,
    folder,
    agent: agentSettings(folder, env, agentCommand),
    program,
    now: () => new Date(),
    stdio: () => process,
  };
}

/** The login that the shared flags select: that of `--proxy`, or the current one. Throws `not-found`. */
export async function selectLogin(
  services: TshServices,
  flags: { readonly proxy?: string | undefined; readonly user?: string | undefined },
): Promise<StoredLogin> {
  const login = await getLogin(
    services.folder,
    flags.proxy === undefined ? undefined : hostOf(flags.proxy),
  );
  if (flags.user !== undefined && flags.user !== login.key.user) {
    throw new Fault("not-found", `not logged in as ${flags.user} at ${login.key.host}`, {
      hint: `log in with: tsh login --proxy=${login.document.webProxyAddr} --user=${flags.user}`,
    });
  }
  return login;
}

/** As {@link selectLogin}, but undefined when there is no such login. */
export async function findSelectedLogin(
  services: TshServices,
  flags: Parameters<typeof selectLogin>[1],
): Promise<StoredLogin | undefined> {
  try {
    return await selectLogin(services, flags);
  } catch (error) {
    if (!isFault(error, "not-found")) throw error;
    return undefined;
  }
}
