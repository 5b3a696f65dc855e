/**
 * proto.AuthService, the list of applications that administrators register. This cluster takes no registrations of this
 * kind yet, so the list is empty; writing answers UNIMPLEMENTED. As with servers, everybody may list: what they see is a
 * matter of the labels, not of a rule on the kind.
 */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { requireIdentity, requireSystem } from "../guard.ts";

/** Handlers of the list. */
export function inventoryHandlers(): ServiceHandlers<typeof AuthService, Peer> {
  return {
    /** People, and the administrator on the auth host; servers have no use for this list. */
    getApps(_request, call) {
      if (requireIdentity(call).kind === "system") requireSystem(call, "Admin");
      return {};
    },
  };
}
