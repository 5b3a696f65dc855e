/** The SSH server of a machine, from its configuration: its certificates, and the service. */
import { join } from "node:path";
import type { GrpcClient } from "#api/grpc/client.ts";
import { systemClock } from "#base/clock.ts";
import type { Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import { HostCredentials, type ObtainCertificates } from "#node/credentials.ts";
import { type NodeService, startNode } from "#node/start.ts";
import type { GatehouseConfig, SshServiceConfig } from "./config/config.ts";

/** What a process has for its SSH server. */
export interface NodeParts {
  readonly config: GatehouseConfig;
  readonly ssh: SshServiceConfig;
  readonly hostId: string;
  readonly logger: Logger;
  /** Closes what is opened here. */
  readonly closer: Closer;
}

/** How an SSH server reaches its cluster. */
export interface NodeUplink {
  readonly obtain: ObtainCertificates;
  /** A client of auth as this host, which the caller closes. */
  readonly connect: (credentials: HostCredentials) => GrpcClient;
}

/** Obtains certificates and starts the server; `node.ready` says when logins can succeed. */
export async function openNode(
  { config, ssh, hostId, logger, closer }: NodeParts,
  { obtain, connect }: NodeUplink,
): Promise<{ readonly node: NodeService; readonly credentials: HostCredentials }> {
  const shared = { hostId, clock: systemClock, random: systemRandom, logger };
  const credentials = closer.add(
    await HostCredentials.open({
      ...shared,
      folder: join(config.dataDir, "node"),
      nodeName: config.nodename,
      additionalPrincipals: ssh.publicAddrs.map(({ host }) => host),
      obtain,
    }),
  );
  const node = closer.add(
    await startNode({
      ...shared,
      nodename: config.nodename,
      labels: ssh.labels,
      commands: ssh.commands,
      client: connect(credentials),
      credentials,
      features: { fileCopy: ssh.fileCopy, portForwarding: ssh.portForwarding },
      version: productVersion,
    }),
  );
  return { node, credentials };
}
