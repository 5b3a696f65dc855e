/**
 * proto.AuthService, lists of databases, Kubernetes clusters and applications that administrators register. This cluster
 * takes no registrations of these kinds yet, so the lists are empty; writing answers UNIMPLEMENTED.
 */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AuthContext } from "../../context.ts";
import { authorize } from "../guard.ts";

/** Handlers of the lists. */
export function inventoryHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  return {
    async getDatabases(_request, call) {
      await authorize(context, call, "db", "list", "read");
      return {};
    },
    async getKubernetesClusters(_request, call) {
      await authorize(context, call, "kube_cluster", "list", "read");
      return {};
    },
    async getApps(_request, call) {
      await authorize(context, call, "app", "list", "read");
      return {};
    },
  };
}
