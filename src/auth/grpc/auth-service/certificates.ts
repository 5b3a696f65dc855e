/** proto.AuthService, certificates and the questions about second factors that clients ask before a session. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { type UserCertsRequest, UserCertsRequest_CertUsage } from "#gen/proto/certs_pb.ts";
import { MFARequired } from "#gen/proto/mfa_pb.ts";
import type { CertificateUsage } from "#identity/identity.ts";
import {
  formatSshCertificate,
  formatTlsCertificate,
  keysOfLine,
  type RequestedKeys,
  readSshKey,
  readTlsKey,
} from "../../authority/issue.ts";
import { reissueCertificates } from "../../certificates.ts";
import type { AuthContext } from "../../context.ts";
import { requireIdentity, requireUser } from "../guard.ts";

const usages: ReadonlyMap<UserCertsRequest_CertUsage, CertificateUsage> = new Map([
  [UserCertsRequest_CertUsage.Kubernetes, "kube"],
  [UserCertsRequest_CertUsage.Database, "db"],
  [UserCertsRequest_CertUsage.App, "apps"],
  [UserCertsRequest_CertUsage.WindowsDesktop, "windows_desktop"],
]);

/** Handlers of the certificate calls. */
export function certificateHandlers(
  context: AuthContext,
): ServiceHandlers<typeof AuthService, Peer> {
  return {
    async generateUserCerts(request, call) {
      const caller = requireUser(call);
      const route = request.RouteToDatabase;
      const certificates = await reissueCertificates(context, caller, {
        username: request.Username,
        keys: requestedKeys(request),
        expires: request.Expires ? timestampDate(request.Expires) : undefined,
        usage: usages.get(request.Usage),
        sshOnly: request.Usage === UserCertsRequest_CertUsage.SSH,
        routeToCluster: request.RouteToCluster,
        kubernetesCluster: request.KubernetesCluster,
        database: route && {
          serviceName: route.ServiceName,
          protocol: route.Protocol,
          username: route.Username,
          database: route.Database,
          roles: route.Roles,
        },
        userAgent: call.metadata["user-agent"] ?? "",
      });
      const { authorities } = context;
      return {
        SSH: certificates.ssh ? utf8(formatSshCertificate(certificates.ssh)) : new Uint8Array(),
        TLS: certificates.tls ? utf8(formatTlsCertificate(certificates.tls)) : new Uint8Array(),
        TLSCACerts: [utf8(authorities.certificatePem("host"))],
        SSHCACerts: [utf8(authorities.sshLine("host"))],
      };
    },

    /** Sessions need no second factor of their own yet: the answer is always no, and clients go on without a prompt. */
    isMFARequired(_request, call) {
      requireIdentity(call);
      return { Required: false, MFARequired: MFARequired.MFA_REQUIRED_NO };
    },

    createAuthenticateChallenge(_request, call) {
      requireIdentity(call);
      return { MFARequired: MFARequired.MFA_REQUIRED_NO };
    },
  };
}

/** The keys in the old form (one for both) or the new one; mixing them is refused. */
function requestedKeys(request: UserCertsRequest): RequestedKeys {
  const { PublicKey: both, SSHPublicKey: ssh, TLSPublicKey: tls } = request;
  if (both.length > 0 && (ssh.length > 0 || tls.length > 0)) {
    throw new Fault("invalid", "send either public_key or the keys for SSH and TLS, not both");
  }
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (both.length > 0) return keysOfLine(text(both));
  return { ssh: readSshKey(text(ssh)), tls: readTlsKey(text(tls)) };
}
