/** Kubernetes clusters of a cluster: which there are, and a certificate for one of them. */
import { createPublicKey, generateKeyPair } from "node:crypto";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import { decodeResource } from "#api/convert/resource.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { UserCertsRequest_CertUsage as Usage } from "#gen/proto/certs_pb.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type { KubeCredential, ResourceQuery } from "../access.ts";
import { kubeServerName } from "../kube/server-name.ts";
import { joinAddress } from "../profile/names.ts";
import { type ClusterAddress, dialCluster } from "./dial.ts";

const generate = promisify(generateKeyPair);
const pageSize = 1000;
/** A cluster that never ends its listing is stopped here. */
const mostPages = 1000;

/** All Kubernetes clusters that the person may see and the query lets through, each once, by name. */
export async function listKubeClusters(
  auth: GrpcClient,
  query: ResourceQuery,
): Promise<KubeCluster[]> {
  const client = createClient(AuthService, auth);
  const found = new Map<string, KubeCluster>();
  let startKey = "";
  for (let page = 0; page < mostPages; page++) {
    const answer = await client.listResources({
      ResourceType: "kube_server",
      Limit: pageSize,
      StartKey: startKey,
      Labels: { ...query.labels },
      PredicateExpression: query.predicate,
      SearchKeywords: [...query.search],
    });
    for (const { resource } of answer.Resources) {
      if (resource.case !== "KubernetesServer") continue;
      const { cluster } = decodeResource("kube_server", resource.value).spec;
      found.set(cluster.metadata.name, cluster);
    }
    startKey = answer.NextKey;
    if (startKey === "") {
      return [...found.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    }
  }
  throw new Fault("limit", "the cluster's listing of Kubernetes clusters does not end");
}

/** Has the cluster certify a fresh key for this Kubernetes cluster, for as long as the login lasts. */
export async function certifyForKube(
  auth: GrpcClient,
  login: { readonly user: string; readonly cluster: string; readonly expires: Date },
  kubeCluster: string,
): Promise<KubeCredential> {
  const { privateKey } = await generate("ec", { namedCurve: "P-256" });
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  const { TLS } = await createClient(AuthService, auth).generateUserCerts({
    Username: login.user,
    Expires: { seconds: BigInt(Math.floor(login.expires.getTime() / 1000)), nanos: 0 },
    RouteToCluster: login.cluster,
    Usage: Usage.Kubernetes,
    KubernetesCluster: kubeCluster,
    TLSPublicKey: new TextEncoder().encode(publicKey),
  });
  const certificate = new TextDecoder().decode(TLS);
  if (certificate === "") throw new Fault("malformed", "the cluster issued no certificate");
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate, key };
}

/** A stream on which HTTP/1.1 is spoken to the Kubernetes cluster of the certificate. Throws as `dialCluster`. */
export function dialKube(address: ClusterAddress, credential: KubeCredential): Promise<Duplex> {
  const serverName = kubeServerName(joinAddress(address.host, address.port));
  return dialCluster({ ...address, serverName }, ["http/1.1"], credential);
}
