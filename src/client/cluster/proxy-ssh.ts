/** A byte stream to a node inside ProxySSH messages: for proxies of the public API that do not speak our tunnel. */
import type { Duplex } from "node:stream";
import { GrpcClient } from "#api/grpc/client.ts";
import { openProxySsh } from "#api/transport.ts";
import { isFault } from "#base/fault.ts";
import type { DialTarget } from "../access.ts";
import { type ClusterAddress, dialCluster, transportProtocol } from "./dial.ts";
import { refusal } from "./dial-refusal.ts";
import type { ClientIdentity } from "./identity.ts";

/** Through the transport service of the public API. The connection lives as long as the stream. */
export async function dialProxySsh(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const client = new GrpcClient(() =>
    dialCluster(address, [transportProtocol, "h2"], identity, signal),
  );
  const hostPort = `${target.host}:${target.port}`;
  try {
    const stream = await openProxySsh(client, { hostPort, cluster: address.cluster });
    stream.once("close", () => void client.close());
    return stream;
  } catch (error) {
    await client.close();
    throw isFault(error, "unimplemented") ? error : refusal(target, error);
  }
}
