/** Kubernetes clusters of a cluster: which there are, and a certificate for one of them. */
import type { Duplex } from "node:stream";
import { decodeResource } from "#api/convert/resource.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { UserCertsRequest_CertUsage as Usage } from "#gen/proto/certs_pb.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type { KubeCredential, ResourceQuery } from "../access.ts";
import { kubeServerName } from "../kube/server-name.ts";
import { joinAddress } from "../profile/names.ts";
import { type ClusterAddress, dialCluster } from "./dial.ts";
import { type CertifiedLogin, certifyForUse, listServed } from "./served.ts";

/** All Kubernetes clusters that the person may see and the query lets through, each once, by name. */
export function listKubeClusters(auth: GrpcClient, query: ResourceQuery): Promise<KubeCluster[]> {
  return listServed(auth, "kube_server", query, (entry) =>
    entry.case === "KubernetesServer"
      ? decodeResource("kube_server", entry.value).spec.cluster
      : undefined,
  );
}

/** Has the cluster certify a fresh key for this Kubernetes cluster, for as long as the login lasts. */
export function certifyForKube(
  auth: GrpcClient,
  login: CertifiedLogin,
  kubeCluster: string,
): Promise<KubeCredential> {
  return certifyForUse(auth, login, { Usage: Usage.Kubernetes, KubernetesCluster: kubeCluster });
}

/** A stream on which HTTP/1.1 is spoken to the Kubernetes cluster of the certificate. Throws as `dialCluster`. */
export function dialKube(address: ClusterAddress, credential: KubeCredential): Promise<Duplex> {
  const serverName = kubeServerName(joinAddress(address.host, address.port));
  return dialCluster({ ...address, serverName }, ["http/1.1"], credential);
}
