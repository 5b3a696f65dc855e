/** Databases of a cluster: what there is, a certificate for one of them, and a stream to it through the proxy. */
import type { Duplex } from "node:stream";
import { decodeResource } from "#api/convert/resource.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { isFault } from "#base/fault.ts";
import { UserCertsRequest_CertUsage as Usage } from "#gen/proto/certs_pb.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import type { ResourceQuery } from "../access.ts";
import { type ClusterAddress, dialCluster } from "./dial.ts";
import type { ClientIdentity } from "./identity.ts";
import { type CertifiedLogin, certifyForUse, listServed } from "./served.ts";

/** All databases that the person may see and the query lets through, each once, by name. */
export function listDatabases(auth: GrpcClient, query: ResourceQuery): Promise<Database[]> {
  return listServed(auth, "db_server", query, (entry) =>
    entry.case === "DatabaseServer"
      ? decodeResource("db_server", entry.value).spec.database
      : undefined,
  );
}

/** A certificate for one database and nothing else, with its key, both PEM. */
export type DatabaseIdentity = ClientIdentity["tls"];

/** Has the cluster certify a fresh key for this database, for as long as the login lasts. */
export function certifyForDatabase(
  auth: GrpcClient,
  login: CertifiedLogin,
  route: DatabaseRoute,
): Promise<DatabaseIdentity> {
  return certifyForUse(auth, login, {
    Usage: Usage.Database,
    RouteToDatabase: {
      ServiceName: route.serviceName,
      Protocol: route.protocol,
      Username: route.username,
      Database: route.database,
      Roles: [...route.roles],
    },
  });
}

/**
 * A stream on which the database's own protocol is spoken, without TLS. Our own proxies prove themselves with the host
 * authority; others show their web certificate there, which is trusted as at the login. Throws as `dialCluster`.
 */
export async function dialDatabase(
  address: ClusterAddress,
  profile: string,
  identity: DatabaseIdentity,
  route: DatabaseRoute,
): Promise<Duplex> {
  const protocol = `teleport-${route.protocol}`;
  try {
    return await dialCluster(address, [protocol], identity);
  } catch (error) {
    if (!isFault(error, "unproven") || address.balanced !== undefined) throw error;
    return dialAtWeb(address, profile, identity, protocol).catch(() => {
      throw error;
    });
  }
}

async function dialAtWeb(
  { host, port }: ClusterAddress,
  profile: string,
  identity: DatabaseIdentity,
  protocol: string,
): Promise<Duplex> {
  const { dialWeb } = await import("../web/dial.ts");
  const { extraRoots, readWebPin } = await import("../web/trust.ts");
  const trust = { pinned: readWebPin(profile, host), insecure: false };
  const roots = extraRoots(process.env);
  const { socket } = await dialWeb({ host, port, trust, roots, identity }, protocol);
  // Whoever takes over listens for errors; until then one must not end the process.
  socket.on("error", () => {});
  return socket;
}
