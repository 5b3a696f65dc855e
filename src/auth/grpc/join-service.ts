/** gatehouse.v1.JoinService: how a machine becomes a member of the cluster. Strangers may call Join: the token is the proof. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import type { AuthContext } from "../context.ts";
import { issueHostCertificates } from "../hosts/host-certificates.ts";
import { joinHost } from "../hosts/join.ts";
import { assertNamesFree, findJoinedName } from "../hosts/names.ts";
import { requireSystem } from "./guard.ts";

/** The handlers of JoinService. */
export function joinService(context: AuthContext): ServiceHandlers<typeof JoinService, Peer> {
  return {
    join(request, call) {
      return joinHost(context, { ...request, remoteAddress: call.peer.address });
    },

    async renewHostCertificates(request, call) {
      const caller = requireSystem(call);
      const { hostId, systemRoles } = caller;
      const node = await context.stores.nodes.find(hostId);
      if (!node && systemRoles.includes("Node")) {
        throw new Fault(
          "not-found",
          "this server is not registered: it must send a heartbeat first",
        );
      }
      const nodeName = (await findJoinedName(context, hostId)) ?? node?.spec.hostname ?? hostId;
      const { additionalPrincipals } = request;
      const applicant = { hostId, nodeName, roles: systemRoles, additionalPrincipals };
      await assertNamesFree(context, applicant);
      const certificates = issueHostCertificates(context, applicant, request);
      await context.audit.record("cert.create", {
        ...actorOf(caller),
        cert_type: "host",
        identity: { user: `${hostId}.${context.clusterName}`, roles: [...systemRoles] },
        "addr.remote": call.peer.address,
      });
      return certificates;
    },
  };
}
