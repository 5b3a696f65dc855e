/**
 * proto.AuthService, lists of Kubernetes clusters and applications that administrators register. This cluster
 * takes no registrations of these kinds yet, so the lists are empty; writing answers UNIMPLEMENTED. As with servers,
 * everybody may list: what they see is a matter of the labels, not of a rule on the kind.
 */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { type AuthCall, requireIdentity, requireSystem } from "../guard.ts";

/** Handlers of the lists. */
export function inventoryHandlers(): ServiceHandlers<typeof AuthService, Peer> {
  return {
    getKubernetesClusters(_request, call) {
      requirePerson(call);
      return {};
    },
    getApps(_request, call) {
      requirePerson(call);
      return {};
    },
  };
}

/** People, and the administrator on the auth host; servers have no use for these lists. */
function requirePerson(call: AuthCall): void {
  if (requireIdentity(call).kind === "system") requireSystem(call, "Admin");
}
