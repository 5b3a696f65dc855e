/**
 * proto.AuthService, Kubernetes clusters that administrators write. The kubeconfig in one is a secret: it is shown to
 * those whose roles let them read the kind, and left out for the others, who see that there is a cluster.
 */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { withoutKubeconfig } from "#resource/kube-cluster.ts";
import type { AuthContext } from "../../context.ts";
import { mayUse } from "../guard.ts";
import { RegisteredResources } from "./registered.ts";

/** Handlers of the calls about Kubernetes clusters. */
export function kubeClusterHandlers(
  context: AuthContext,
): ServiceHandlers<typeof AuthService, Peer> {
  const kind = "kube_cluster";
  const store = context.stores.kubeClusters;
  const clusters = new RegisteredResources(context, { kind, protocol: "kube", store });
  return {
    async getKubernetesClusters(_, call) {
      const found = await clusters.list(call);
      const whole = await mayUse(context, call, kind, "read");
      const shown = whole ? found : found.map(withoutKubeconfig);
      return { KubernetesClusters: shown.map((cluster) => clusters.encode(cluster)) };
    },
    createKubernetesCluster: (message, call) => clusters.create(message, call),
    updateKubernetesCluster: (message, call) => clusters.update(message, call),
    deleteKubernetesCluster: ({ Name }, call) => clusters.remove(Name, call),
  };
}
