/** An SSH server on a machine of its own: it joins through the proxy, dials out, and waits for connections. */
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import { HostCredentials } from "#node/credentials.ts";
import { obtainThroughProxy, openHostClient } from "#node/join.ts";
import { startNode } from "#node/start.ts";
import { AgentTunnel } from "#node/tunnel.ts";
import type { GatehouseConfig, SshServiceConfig } from "./config/config.ts";

/** Joins or rejoins the cluster and serves; resolves when logins can succeed. Gives the name of the cluster. */
export async function startAgent(
  config: GatehouseConfig,
  ssh: SshServiceConfig,
  logger: Logger,
  closer: Closer,
  hostId: string,
): Promise<{ clusterName: string; proxyAddress: string }> {
  const proxy = config.join.proxyServer;
  if (!proxy) {
    throw new Fault("usage", "an agent needs the address of a proxy", {
      hint: "set teleport.proxy_server in the configuration, as in: proxy_server: example.com:443",
    });
  }
  const shared = { clock: systemClock, random: systemRandom, logger };
  const { caPins, token } = config.join;
  const credentials = closer.add(
    await HostCredentials.open({
      ...shared,
      hostId,
      folder: join(config.dataDir, "node"),
      nodeName: config.nodename,
      additionalPrincipals: ssh.publicAddrs.map(({ host }) => host),
      obtain: obtainThroughProxy({ proxy, token, caPins, clock: systemClock, logger }),
    }),
  );
  const { client } = closer.add(openHostClient(credentials, proxy));
  const node = closer.add(
    await startNode({
      ...shared,
      hostId,
      nodename: config.nodename,
      labels: ssh.labels,
      commands: ssh.commands,
      client,
      credentials,
      features: { fileCopy: ssh.fileCopy, portForwarding: ssh.portForwarding },
      version: productVersion,
    }),
  );
  const accept = node.accept.bind(node);
  closer.add(new AgentTunnel({ ...shared, proxy, credentials, accept }));
  await node.ready;
  return { clusterName: credentials.clusterName, proxyAddress: `${proxy.host}:${proxy.port}` };
}
