/** The auth service of a cluster, reached through the proxy. One client is one connection, opened at the first call. */
import { GrpcClient } from "#api/grpc/client.ts";
import { apiVersion } from "#api/version.ts";
import { productVersion } from "#base/version.ts";
import { authProtocols, type ClusterAddress, dialCluster } from "./dial.ts";
import type { ClientIdentity } from "./identity.ts";

/** A gRPC client for auth; give it to `createClient` with a service of `src/gen`. Close it when done. */
export function connectAuth(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  signal?: AbortSignal,
): GrpcClient {
  return new GrpcClient(
    () => dialCluster(address, authProtocols(address.cluster), identity, signal),
    { metadata: { version: apiVersion, "user-agent": `gatehouse/${productVersion}` } },
  );
}
