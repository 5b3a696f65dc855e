/**
 * How an agent of this machine reaches its cluster and is reached by it: through a proxy elsewhere, or inside the process
 * of the cluster. Every agent has an id and keys of its own, since what one may do is not what another may.
 */
import { join } from "node:path";
import { HostCredentials, type ObtainCertificates } from "#agent/credentials.ts";
import { obtainThroughProxy, openHostClient } from "#agent/join.ts";
import { AgentTunnel } from "#agent/tunnel.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { openPair } from "#api/grpc/memory-pair.ts";
import type { AcceptStream, TunnelService } from "#api/tunnel/stream.ts";
import { admitOwnHost } from "#auth/hosts/join.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import type { AuthService } from "#auth/start.ts";
import { type Address, formatAddress } from "#base/address.ts";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import type { ProxyService } from "#proxy/start.ts";
import type { GatehouseConfig } from "./config/config.ts";
import { settleHostId } from "./host-id.ts";

/** The sorts of agents, with the folder of each below the data folder. */
const folders = { Node: "node", Db: "db", Kube: "kube", MDM: "mdm" } as const;

/** What an agent joins as. */
export type AgentRole = keyof typeof folders;

/** What the parts of a process share. */
export interface ProcessParts {
  readonly config: GatehouseConfig;
  readonly logger: Logger;
  /** Closes what is opened. */
  readonly closer: Closer;
}

/** One agent's way to its cluster. */
export interface Uplink {
  readonly hostId: string;
  readonly credentials: HostCredentials;
  /** Reaches auth as this agent. */
  readonly client: GrpcClient;
  /** `host:port` of the proxy. */
  readonly proxyAddress: string;
  /** Lets the proxy bring streams. */
  offer(service: TunnelService, accept: AcceptStream): void;
}

/** Joins or rejoins a cluster elsewhere. Throws `usage` when the configuration names no proxy, and what joining throws. */
export async function joinCluster(
  { config, logger, closer }: ProcessParts,
  role: AgentRole,
  additionalPrincipals: readonly string[] = [],
): Promise<Uplink> {
  const proxy = proxyOf(config);
  const { caPins, token } = config.join;
  const obtain = obtainThroughProxy({ proxy, role, token, caPins, clock: systemClock, logger });
  const hostId = settleAgentId(config, role);
  const credentials = await openCredentials(
    { config, logger, closer },
    { role, hostId, additionalPrincipals, obtain },
  );
  const { client } = closer.add(openHostClient(credentials, proxy));
  return {
    hostId,
    credentials,
    client,
    proxyAddress: formatAddress(proxy),
    offer(service, accept) {
      const random = systemRandom;
      closer.add(new AgentTunnel({ random, logger, proxy, credentials, service, accept }));
    },
  };
}

/** Admits an agent into the cluster of this process. */
export async function joinOwnCluster(
  parts: ProcessParts,
  role: Exclude<AgentRole, "MDM">,
  { auth, proxy }: { readonly auth: AuthService; readonly proxy: ProxyService },
  additionalPrincipals: readonly string[] = [],
): Promise<Uplink> {
  const { config, closer } = parts;
  const hostId = settleAgentId(config, role);
  const obtain: ObtainCertificates = (request) => admitOwnHost(auth.context, role, request);
  return {
    hostId,
    credentials: await openCredentials(parts, { role, hostId, additionalPrincipals, obtain }),
    client: closer.add(auth.connect(serviceIdentity(auth.context, hostId, role))),
    proxyAddress: proxy.publicAddress,
    // The proxy hands over the connections of people as they are, and brings others in memory.
    offer(_service, accept) {
      const remove = proxy.addAgent(hostId, {
        serve: accept,
        open(request) {
          const [ours, theirs] = openPair();
          accept(theirs, request);
          return Promise.resolve(ours);
        },
      });
      closer.defer(remove);
    },
  };
}

/** The SSH server has the id of the machine. */
function settleAgentId({ dataDir }: GatehouseConfig, role: AgentRole): string {
  return settleHostId(role === "Node" ? dataDir : join(dataDir, folders[role]), systemRandom);
}

async function openCredentials(
  { config, logger, closer }: ProcessParts,
  agent: {
    readonly role: AgentRole;
    readonly hostId: string;
    readonly additionalPrincipals: readonly string[];
    readonly obtain: ObtainCertificates;
  },
): Promise<HostCredentials> {
  return closer.add(
    await HostCredentials.open({
      clock: systemClock,
      random: systemRandom,
      logger,
      hostId: agent.hostId,
      folder: join(config.dataDir, folders[agent.role]),
      nodeName: config.nodename,
      additionalPrincipals: agent.additionalPrincipals,
      obtain: agent.obtain,
    }),
  );
}

/** Where the proxy is; throws `usage` when the configuration does not say. */
function proxyOf(config: GatehouseConfig): Address {
  const proxy = config.join.proxyServer;
  if (proxy) return proxy;
  throw new Fault("usage", "an agent needs the address of a proxy", {
    hint: "set teleport.proxy_server in the configuration, as in: proxy_server: example.com:443",
  });
}
