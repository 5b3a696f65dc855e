/** Gathers what the machine says about an account and makes the command line that starts its program. */
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { Fault } from "#base/fault.ts";
import type { Terminal } from "#ssh/connection/terminal.ts";
import type { NodeContext } from "../context.ts";
import type { Account } from "./account.ts";
import type { ClientAddress } from "./client-address.ts";
import { buildLaunch, type Launch, type ProgramRequest } from "./command.ts";
import { buildEnvironment, type Environment, parseSystemEnvironment } from "./environment.ts";
import type { Login } from "./login.ts";
import { terminalSetup } from "./terminal-setup.ts";

/** What a launch takes from its session. */
export interface LaunchSession {
  readonly context: NodeContext;
  readonly login: Login;
  readonly remote: ClientAddress;
  readonly sessionId: string;
  /** What the client set. */
  readonly variables: Environment;
  readonly agentSocket: string | undefined;
}

const bashPaths = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"];

/** Where distributions install OpenSSH's file server. */
const fileServerPaths = [
  "/usr/lib/openssh/sftp-server",
  "/usr/libexec/openssh/sftp-server",
  "/usr/lib/ssh/sftp-server",
  "/usr/libexec/sftp-server",
  "/usr/lib/sftp-server",
];

/** The file server of this machine, or undefined. */
export function findFileServer(): Promise<string | undefined> {
  return findProgram(fileServerPaths);
}

/**
 * The command line for a request. Throws `environment` when this node has not the rights to run programs as the account.
 */
export async function prepareLaunch(
  account: Account,
  request: ProgramRequest,
  terminal: Terminal | undefined,
  { context, login, remote, sessionId, variables, agentSocket }: LaunchSession,
): Promise<Launch> {
  const switchUser = mustSwitch(account, userInfo());
  const facts = {
    sessionId,
    username: login.identity.username,
    clusterName: login.identity.cluster,
    hostId: context.server().id,
    client: remote,
    term: terminal?.term,
    agentSocket,
  };
  const system = parseSystemEnvironment(await readFile("/etc/environment", "utf8").catch(() => ""));
  const env = buildEnvironment(account, facts, system, variables);
  const owner = switchUser ? account.uid : undefined;
  const place = {
    env,
    cwd: (await isDirectory(account.home)) ? account.home : "/",
    terminalSetup:
      terminal === undefined || request.type === "sftp"
        ? undefined
        : terminalSetup(terminal.modes, owner),
  };
  const bash = request.type === "shell" && switchUser ? await findProgram(bashPaths) : undefined;
  return buildLaunch(account, request, place, { switchUser, bash });
}

/** Who the node runs as. */
interface OwnUser {
  readonly uid: number;
  readonly username: string;
}

/**
 * True when the node, being root, has to change to the account. An ordinary user is only ever itself: for any other
 * account this throws `environment`.
 */
export function mustSwitch({ name, uid }: Account, own: OwnUser): boolean {
  if (own.uid === uid) return false;
  if (own.uid === 0) return true;
  throw new Fault(
    "environment",
    `this server's agent runs as "${own.username}" and cannot start programs as "${name}"`,
    { hint: `log in as ${own.username}, or run the agent as root` },
  );
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

async function findProgram(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
