/** An SSH server on a machine of its own: it joins through the proxy, dials out, and waits for connections. */
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { obtainThroughProxy, openHostClient } from "#node/join.ts";
import { AgentTunnel } from "#node/tunnel.ts";
import { type NodeParts, openNode } from "./node.ts";

/** Joins or rejoins the cluster and serves; resolves when logins can succeed. Gives the name of the cluster. */
export async function startAgent(
  parts: NodeParts,
): Promise<{ clusterName: string; proxyAddress: string }> {
  const { config, logger, closer } = parts;
  const proxy = config.join.proxyServer;
  if (!proxy) {
    throw new Fault("usage", "an agent needs the address of a proxy", {
      hint: "set teleport.proxy_server in the configuration, as in: proxy_server: example.com:443",
    });
  }
  const { caPins, token } = config.join;
  const { node, credentials } = await openNode(parts, {
    obtain: obtainThroughProxy({ proxy, token, caPins, clock: systemClock, logger }),
    connect: (own) => closer.add(openHostClient(own, proxy)).client,
  });
  const accept = node.accept.bind(node);
  closer.add(new AgentTunnel({ random: systemRandom, logger, proxy, credentials, accept }));
  await node.ready;
  return { clusterName: credentials.clusterName, proxyAddress: `${proxy.host}:${proxy.port}` };
}
