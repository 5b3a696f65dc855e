/** teleport.presence.v1.PresenceService: this cluster has no leaf clusters, and one auth service behind its proxies. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { PresenceService } from "#gen/teleport/presence/v1/service_pb.ts";
import { requireIdentity } from "./guard.ts";

/** The handlers of PresenceService. */
export function presenceService(): ServiceHandlers<typeof PresenceService, Peer> {
  return {
    listRemoteClusters(_request, call) {
      requireIdentity(call);
      return {};
    },

    getRemoteCluster({ name }, call) {
      requireIdentity(call);
      throw new Fault("not-found", `there is no cluster "${name}"`);
    },
  };
}
