/** Databases of a cluster: what there is, a certificate for one of them, and a stream to it through the proxy. */
import { createPublicKey, generateKeyPair } from "node:crypto";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import { decodeResource } from "#api/convert/resource.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault, isFault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { UserCertsRequest_CertUsage as Usage } from "#gen/proto/certs_pb.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import type { ResourceQuery } from "../access.ts";
import { type ClusterAddress, dialCluster } from "./dial.ts";
import type { ClientIdentity } from "./identity.ts";

const generate = promisify(generateKeyPair);
const pageSize = 1000;
/** A cluster that never ends its listing is stopped here. */
const mostPages = 1000;

/** All databases that the person may see and the query lets through, each once, by name. */
export async function listDatabases(auth: GrpcClient, query: ResourceQuery): Promise<Database[]> {
  const client = createClient(AuthService, auth);
  const found = new Map<string, Database>();
  let startKey = "";
  for (let page = 0; page < mostPages; page++) {
    const answer = await client.listResources({
      ResourceType: "db_server",
      Limit: pageSize,
      StartKey: startKey,
      Labels: { ...query.labels },
      PredicateExpression: query.predicate,
      SearchKeywords: [...query.search],
    });
    for (const { resource } of answer.Resources) {
      if (resource.case !== "DatabaseServer") continue;
      const { database } = decodeResource("db_server", resource.value).spec;
      found.set(database.metadata.name, database);
    }
    startKey = answer.NextKey;
    if (startKey === "") {
      return [...found.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    }
  }
  throw new Fault("limit", "the cluster's listing of databases does not end");
}

/** A certificate for one database and nothing else, with its key, both PEM. */
export type DatabaseIdentity = ClientIdentity["tls"];

/** Has the cluster certify a fresh key for this database, for as long as the login lasts. */
export async function certifyForDatabase(
  auth: GrpcClient,
  login: { readonly user: string; readonly cluster: string; readonly expires: Date },
  route: DatabaseRoute,
): Promise<DatabaseIdentity> {
  const { privateKey } = await generate("ec", { namedCurve: "P-256" });
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  const ms = login.expires.getTime();
  const { TLS } = await createClient(AuthService, auth).generateUserCerts({
    Username: login.user,
    Expires: { seconds: BigInt(Math.floor(ms / 1000)), nanos: 0 },
    RouteToCluster: login.cluster,
    Usage: Usage.Database,
    RouteToDatabase: {
      ServiceName: route.serviceName,
      Protocol: route.protocol,
      Username: route.username,
      Database: route.database,
      Roles: [...route.roles],
    },
    TLSPublicKey: new TextEncoder().encode(publicKey),
  });
  const certificate = new TextDecoder().decode(TLS);
  if (certificate === "") throw new Fault("malformed", "the cluster issued no certificate");
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate, key };
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
