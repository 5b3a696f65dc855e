/** The part of `tsh ssh` that speaks SSH: loaded while the login to the node goes on. */
import type { Fault } from "#base/fault.ts";
import { Closer } from "#base/lifecycle.ts";
import type { Progress } from "#cli/progress.ts";
import { forwardAgentTo } from "#client/ssh/agent-forward.ts";
import { type ConnectOptions, connectNode } from "#client/ssh/connect.ts";
import {
  type Endpoint,
  forwardDynamic,
  forwardedHandler,
  forwardLocal,
} from "#client/ssh/forward.ts";
import { describeExit, exitCodeOf, runSession } from "#client/ssh/session.ts";
import { sessionProver } from "./second-factor.ts";
import type { SshInvocation, SshRequest } from "./ssh.ts";

/** A node that is being logged in to, and whose login is used. */
export type ReachedNode = Required<
  Pick<ConnectOptions, "login" | "access" | "target" | "name" | "loggingIn">
> & {
  /** Ends when the first node answers: it and what runs on it have the terminal from there on. */
  readonly progress: Progress;
};

/** Runs what `request` asks for on one node, with the forwards of the request, and gives the exit code. */
export async function runOnNode(
  invocation: SshInvocation,
  request: SshRequest,
  { progress, ...node }: ReachedNode,
): Promise<number> {
  const { flags, services, console, signal } = invocation;
  const { command, local, remote, dynamic } = request;
  const destinations = new Map<number, Endpoint>();
  const agent = flags.forwardAgent
    ? { onAgent: forwardAgentTo(services.env["SSH_AUTH_SOCK"]) }
    : {};
  const prove = sessionProver(node.login, services, console);
  const connection = await connectNode({
    ...node,
    onBanner: (line) => console.note(line),
    proveSession(target) {
      progress.stop();
      return prove(target);
    },
    onForwardedTcpip: forwardedHandler(destinations),
    ...agent,
  });
  progress.stop();
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
      access: node.access,
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
