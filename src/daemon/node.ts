/** The SSH server of a machine, from its configuration. */
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import { type NodeService, startNode } from "#node/start.ts";
import type { SshServiceConfig } from "./config/config.ts";
import type { ProcessParts, Uplink } from "./uplink.ts";

/** Names of the machine that people type besides its own. */
export function sshPrincipals(ssh: SshServiceConfig): readonly string[] {
  return ssh.publicAddrs.map(({ host }) => host);
}

/** Starts the server and lets the proxy bring people to it; `ready` says when logins can succeed. */
export async function openNode(
  { config, logger, closer }: ProcessParts,
  ssh: SshServiceConfig,
  uplink: Uplink,
): Promise<NodeService> {
  const { hostId, client, credentials } = uplink;
  const node = closer.add(
    await startNode({
      hostId,
      clock: systemClock,
      random: systemRandom,
      logger,
      nodename: config.nodename,
      labels: ssh.labels,
      commands: ssh.commands,
      client,
      credentials,
      features: { fileCopy: ssh.fileCopy, portForwarding: ssh.portForwarding },
      version: productVersion,
    }),
  );
  uplink.offer("ssh", (stream, { clientAddress }) => node.accept(stream, { clientAddress }));
  return node;
}
