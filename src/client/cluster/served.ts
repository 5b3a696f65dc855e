/** What databases and Kubernetes clusters have in common for a client: listings of what agents serve, and certificates for one. */
import { createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import type { UserCertsRequestSchema } from "#gen/proto/certs_pb.ts";
import type { ListResourcesResponse } from "#gen/proto/listing_pb.ts";
import type { ResourceQuery } from "../access.ts";
import type { ClientIdentity } from "./identity.ts";

const generate = promisify(generateKeyPair);
const pageSize = 1000;
/** A cluster that never ends its listing is stopped here. */
const mostPages = 1000;

/** One entry of a listing. */
type Listed = ListResourcesResponse["Resources"][number]["resource"];

/**
 * What `read` finds in the listing of a kind, each once, by name; it gives undefined for entries of other kinds. Throws
 * `limit` for a listing without end.
 */
export async function listServed<T extends { readonly metadata: { readonly name: string } }>(
  auth: GrpcClient,
  kind: "db_server" | "kube_server",
  query: ResourceQuery,
  read: (entry: Listed) => T | undefined,
): Promise<T[]> {
  const client = createClient(AuthService, auth);
  const found = new Map<string, T>();
  let startKey = "";
  for (let page = 0; page < mostPages; page++) {
    const answer = await client.listResources({
      ResourceType: kind,
      Limit: pageSize,
      StartKey: startKey,
      Labels: { ...query.labels },
      PredicateExpression: query.predicate,
      SearchKeywords: [...query.search],
    });
    for (const { resource } of answer.Resources) {
      const one = read(resource);
      if (one !== undefined) found.set(one.metadata.name, one);
    }
    startKey = answer.NextKey;
    if (startKey === "") {
      return [...found.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    }
  }
  throw new Fault("limit", `the cluster's listing of ${kind} does not end`);
}

/** Whose login a certificate is issued to. */
export interface CertifiedLogin {
  readonly user: string;
  readonly cluster: string;
  readonly expires: Date;
}

/** What the certificate is for. */
type Use = Pick<
  MessageInitShape<typeof UserCertsRequestSchema>,
  "Usage" | "RouteToDatabase" | "KubernetesCluster"
>;

/** Has the cluster certify a fresh key for one use, for as long as the login lasts; both PEM. Throws `malformed`. */
export async function certifyForUse(
  auth: GrpcClient,
  login: CertifiedLogin,
  use: Use,
): Promise<ClientIdentity["tls"]> {
  const { privateKey } = await generate("ec", { namedCurve: "P-256" });
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  const { TLS } = await createClient(AuthService, auth).generateUserCerts({
    ...use,
    Username: login.user,
    Expires: { seconds: BigInt(Math.floor(login.expires.getTime() / 1000)), nanos: 0 },
    RouteToCluster: login.cluster,
    TLSPublicKey: new TextEncoder().encode(publicKey),
  });
  const certificate = new TextDecoder().decode(TLS);
  if (certificate === "") throw new Fault("malformed", "the cluster issued no certificate");
  return { certificate, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
