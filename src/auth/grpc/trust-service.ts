/** teleport.trust.v1.TrustService: the public halves of the cluster's authorities. Anyone with a certificate may read them. */

import { encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { type CertAuthorityType, certAuthorityTypes } from "#resource/cert-authority.ts";
import type { AuthContext } from "../context.ts";
import { requireIdentity } from "./guard.ts";

/** The handlers of TrustService. */
export function trustService(context: AuthContext): ServiceHandlers<typeof TrustService, Peer> {
  const documentOf = (type: string) => context.authorities.document(knownType(type));
  return {
    getCertAuthority({ type, domain, includeKey }, call) {
      requireIdentity(call);
      refuseKeys(includeKey);
      const document = documentOf(type);
      if (domain !== "" && domain !== context.clusterName) {
        throw new Fault("not-found", `there is no authority of cluster "${domain}"`);
      }
      return encodeResource("cert_authority", document);
    },

    getCertAuthorities({ type, includeKey }, call) {
      requireIdentity(call);
      refuseKeys(includeKey);
      return { certAuthoritiesV2: [encodeResource("cert_authority", documentOf(type))] };
    },
  };
}

function knownType(type: string): CertAuthorityType {
  const known = certAuthorityTypes.find((name) => name === type);
  if (known) return known;
  throw new Fault("invalid", `"${type}" is not a type of authority`, {
    hint: `the types are ${certAuthorityTypes.join(", ")}`,
  });
}

function refuseKeys(includeKey: boolean): void {
  if (includeKey) throw new Fault("access-denied", "private keys of authorities never leave auth");
}
