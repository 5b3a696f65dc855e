/** `tsh ssh`: a shell, a command, or forwarded ports on a node. The remote exit code is passed on. */
import { userInfo } from "node:os";
import { Fault } from "#base/fault.ts";
import { Closer } from "#base/lifecycle.ts";
import type { ClusterAccess } from "#client/access.ts";
import { openAccess } from "#client/open-access.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { forwardAgentTo } from "#client/ssh/agent-forward.ts";
import { connectNode } from "#client/ssh/connect.ts";
import {
  type Endpoint,
  type Forward,
  forwardDynamic,
  forwardedHandler,
  forwardLocal,
  parseDynamic,
  parseForward,
} from "#client/ssh/forward.ts";
import { listNames, type ResolvedNode, resolveNodes } from "#client/ssh/resolve.ts";
import { describeExit, exitCodeOf, runSession } from "#client/ssh/session.ts";
import { parsePort, parseTarget, type SshTarget } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { sessionProver } from "./mfa.ts";
import type { ssh } from "./program.ts";

type SshInvocation = TshInvocation<typeof ssh>;

/** What the command line asks for, checked before anything is dialled. */
interface SshRequest {
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
  const { shared, services, console, flags } = invocation;
  const request = readRequest(invocation);
  const login = await selectLogin(services, shared);
  const access = await openAccess(login, services.agent);
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
      worst = Math.max(worst, await runOn(invocation, request, login, access, node));
    }
    return worst;
  } finally {
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

async function runOn(
  invocation: SshInvocation,
  request: SshRequest,
  login: StoredLogin,
  access: ClusterAccess,
  node: ResolvedNode,
): Promise<number> {
  const { flags, services, console, signal } = invocation;
  const { account, port, command, local, remote, dynamic } = request;
  const destinations = new Map<number, Endpoint>();
  const agent = flags.forwardAgent
    ? { onAgent: forwardAgentTo(services.env["SSH_AUTH_SOCK"]) }
    : {};
  const connection = await connectNode({
    login,
    access,
    target: { host: node.host, port, login: account },
    name: node.name,
    onBanner: (line) => console.note(line),
    proveSession: sessionProver(login, services, console),
    onForwardedTcpip: forwardedHandler(destinations),
    ...agent,
  });
  const closer = new Closer();
  closer.defer(() => connection.close());
  try {
    for (const { listen, connect } of remote) {
      const opened = await connection.requestForward({ address: listen.host, port: listen.port });
      destinations.set(opened, connect);
      if (listen.port === 0) console.note(`Allocated port ${opened} for remote forward`);
    }
    for (const forward of local) closer.add(await forwardLocal(connection, forward));
    for (const endpoint of dynamic) closer.add(await forwardDynamic(connection, endpoint));
    if (flags.noRemoteExec) return await waitForEnd(connection.closed, signal);
    const exit = await runSession({
      connection,
      access,
      streams: services.stdio(),
      env: services.env,
      command,
      tty: flags.tty || (command === undefined && console.interactive),
      forwardAgent: flags.forwardAgent,
      signal,
    });
    const sentence = describeExit(exit);
    if (sentence !== undefined) console.note(`ERROR: ${sentence}\n`);
    return exitCodeOf(exit);
  } finally {
    await closer.close();
  }
}

/** Forwards only: until Ctrl-C, or until the node ends the connection. */
async function waitForEnd(closed: Promise<Fault>, signal: AbortSignal): Promise<number> {
  const interrupted = new Promise<undefined>((resolve) =>
    signal.addEventListener("abort", () => resolve(undefined), { once: true }),
  );
  const fault = await Promise.race([closed, interrupted]);
  if (fault !== undefined) throw fault;
  return 0;
}
