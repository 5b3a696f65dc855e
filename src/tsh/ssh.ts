/** `tsh ssh`: a shell, a command, or forwarded ports on a node. The remote exit code is passed on. */
import { userInfo } from "node:os";
import { Fault } from "#base/fault.ts";
import { type Endpoint, type Forward, parseDynamic, parseForward } from "#client/ssh/forward.ts";
import { listNames, resolveNodes } from "#client/ssh/resolve.ts";
import { parsePort, parseTarget, type SshTarget } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import type { ssh } from "./program.ts";

/** The command and its flags. */
export type SshInvocation = TshInvocation<typeof ssh>;

/** What the command line asks for, checked before anything is dialled. */
export interface SshRequest {
  readonly target: SshTarget;
  readonly account: string;
  readonly port: number;
  readonly command: string | undefined;
  readonly local: readonly Forward[];
  readonly remote: readonly Forward[];
  readonly dynamic: readonly Endpoint[];
}

/** Runs. Several nodes are visited one after the other, with a command only. */
export async function run(invocation: SshInvocation): Promise<number> {
  const { args, shared, services, console, flags } = invocation;
  const request = readRequest(invocation);
  const login = await selectLogin(services, shared);
  const label = `Connecting to ${args.target}`;
  const { access, progress } = await openAccessShown(invocation, login, label);
  try {
    const nodes = await resolveNodes(access, request.target, flags.query ?? "");
    if (nodes.length > 1 && request.command === undefined) {
      throw new Fault("usage", `${nodes.length} nodes match: ${listNames(nodes)}`, {
        hint: "name one of them, or give a command to run on all",
      });
    }
    let worst = 0;
    for (const node of nodes) {
      if (nodes.length > 1) console.note(`Running command on ${node.name}:`);
      const target = { host: node.host, port: request.port, login: request.account };
      // The agent logs in while this process loads sessions.
      const loggingIn = access.logInToNode(target);
      loggingIn.catch(() => {});
      const { runOnNode } = await import("./ssh-node.ts");
      const reached = { login, access, target, name: node.name, loggingIn, progress };
      worst = Math.max(worst, await runOnNode(invocation, request, reached));
    }
    return worst;
  } finally {
    progress.stop();
    access.close();
  }
}

function readRequest({ args, flags, services }: SshInvocation): SshRequest {
  const target = parseTarget(args.target);
  const command = args.command.length === 0 ? undefined : args.command.join(" ");
  if (flags.noRemoteExec && command !== undefined) {
    throw new Fault("usage", "--no-remote-exec runs nothing, so no command can be given");
  }
  return {
    target,
    account: target.login ?? flags.login ?? services.env["USER"] ?? userInfo().username,
    port: flags.port === undefined ? target.port : parsePort(flags.port),
    command,
    local: flags.localForward.map(parseForward),
    remote: flags.remoteForward.map(parseForward),
    dynamic: flags.dynamicForward.map(parseDynamic),
  };
}
