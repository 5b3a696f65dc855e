/** Services on a machine of their own: they join through the proxy and dial out. */
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { HostCredentials } from "#node/credentials.ts";
import { obtainThroughProxy, openHostClient } from "#node/join.ts";
import { AgentTunnel } from "#node/tunnel.ts";
import { type Address, formatAddress } from "./config/address.ts";
import type { GatehouseConfig } from "./config/config.ts";
import { settleHostId } from "./host-id.ts";
import type { RunningInventory } from "./inventory.ts";
import { type NodeParts, openNode } from "./node.ts";

/** The cluster that a service is a member of, and the way in. */
interface Membership {
  readonly clusterName: string;
  /** `host:port`. */
  readonly proxyAddress: string;
}

/** Where the proxy is; throws `usage` when the configuration does not say. */
function proxyOf(config: GatehouseConfig): Address {
  const proxy = config.join.proxyServer;
  if (proxy) return proxy;
  throw new Fault("usage", "an agent needs the address of a proxy", {
    hint: "set teleport.proxy_server in the configuration, as in: proxy_server: example.com:443",
  });
}

/** Joins or rejoins the cluster as an SSH server and serves; resolves when logins can succeed. */
export async function startAgent(parts: NodeParts): Promise<Membership> {
  const { config, logger, closer } = parts;
  const proxy = proxyOf(config);
  const { caPins, token } = config.join;
  const { node, credentials } = await openNode(parts, {
    obtain: obtainThroughProxy({
      ...{ proxy, role: "Node", token, caPins, clock: systemClock, logger },
    }),
    connect: (own) => closer.add(openHostClient(own, proxy)).client,
  });
  const accept = node.accept.bind(node);
  closer.add(new AgentTunnel({ random: systemRandom, logger, proxy, credentials, accept }));
  await node.ready;
  return { clusterName: credentials.clusterName, proxyAddress: formatAddress(proxy) };
}

/**
 * Joins or rejoins the cluster as an inventory service, under an id of its own: what it may do is not what an SSH server
 * of the same machine may.
 */
export async function startInventoryAgent(
  config: GatehouseConfig,
  logger: Logger,
  closer: Closer,
): Promise<Membership & RunningInventory> {
  const proxy = proxyOf(config);
  const { caPins, token } = config.join;
  const folder = join(config.dataDir, "mdm");
  const credentials = closer.add(
    await HostCredentials.open({
      clock: systemClock,
      random: systemRandom,
      logger,
      hostId: settleHostId(folder, systemRandom),
      folder,
      nodeName: config.nodename,
      additionalPrincipals: [],
      obtain: obtainThroughProxy({ proxy, role: "MDM", token, caPins, clock: systemClock, logger }),
    }),
  );
  const { client } = closer.add(openHostClient(credentials, proxy));
  const { startInventory } = await import("./inventory.ts");
  const { ended } = startInventory(config.mdm, client, logger, closer);
  return {
    clusterName: credentials.clusterName,
    proxyAddress: formatAddress(proxy),
    ended,
  };
}
