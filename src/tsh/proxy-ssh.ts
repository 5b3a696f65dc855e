/** `tsh proxy ssh`: OpenSSH's ProxyCommand. Carries a node's bytes over stdin and stdout, and readies the agent's key. */

import { userInfo } from "node:os";
import { parseTarget } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import type { proxySsh } from "./program.ts";

/** The port that `tsh config` gives to hosts: it means the node's own. */
const anyPort = 3022;

/** Runs until either side ends. */
export async function run(invocation: TshInvocation<typeof proxySsh>): Promise<number> {
  const { args, shared, services } = invocation;
  const target = parseTarget(args.target);
  // OpenSSH asks for %r, the account on the node: it is not the cluster's user.
  const login = await selectLogin(services, { proxy: shared.proxy });
  const label = `Connecting to ${target.host}`;
  const { access, progress } = await openAccessShown(invocation, login, label);
  const { stdin, stdout } = services.stdio();
  try {
    const stream = await access.dialNode({
      host: withoutCluster(target.host, login.key.cluster),
      port: target.port === anyPort ? 0 : target.port,
      login: target.login ?? services.env["USER"] ?? userInfo().username,
    });
    // OpenSSH has the terminal from here on.
    progress.stop();
    stdin.pipe(stream);
    stream.pipe(stdout, { end: false });
    // The node's end decides: OpenSSH closes our stdin only when it ends itself.
    await new Promise<void>((resolve) => {
      stream.once("end", resolve);
      stream.once("close", resolve);
      stream.once("error", () => resolve());
    });
    return 0;
  } finally {
    progress.stop();
    access.close();
  }
}

/** `node.cluster` is how OpenSSH's configuration names a node of the cluster. */
function withoutCluster(host: string, cluster: string): string {
  const suffix = `.${cluster}`;
  return host.endsWith(suffix) && host.length > suffix.length
    ? host.slice(0, -suffix.length)
    : host;
}
