/** proto.AuthService, the calls that every client makes around its own: ping, names, capabilities. */

import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { serverVersion } from "#api/version.ts";
import { utf8 } from "#base/bytes.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AuthContext } from "../../context.ts";
import { requireIdentity, requireUser } from "../guard.ts";

/** Handlers of the calls that need no permission of their own. Strangers may ping, as in the public API. */
export function sessionHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { authorities, clusterName } = context;
  return {
    ping: (_request, call) => ({
      ClusterName: clusterName,
      ServerVersion: serverVersion,
      ProxyPublicAddr: context.proxyAddress(),
      RemoteAddr: call.peer.address,
      ServerFeatures: { DeviceTrust: {} },
    }),

    getDomainName(_request, call) {
      requireIdentity(call);
      return { DomainName: clusterName };
    },

    getClusterCACert(_request, call) {
      requireIdentity(call);
      return { TLSCA: utf8(authorities.certificatePem("host")) };
    },

    /** No access requests yet: nothing that a role could give besides what it gives. */
    getAccessCapabilities(_request, call) {
      requireUser(call);
      return {};
    },
  };
}
