/** proto.AuthService, certificates. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import {
  type UserCertsRequest,
  UserCertsRequest_CertPurpose,
  UserCertsRequest_CertUsage,
} from "#gen/proto/certs_pb.ts";
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
import { readAnswer } from "../../mfa/messages.ts";
import { requireSecondFactor } from "../../mfa/require.ts";
import { requireUser } from "../guard.ts";

const usages: ReadonlyMap<UserCertsRequest_CertUsage, CertificateUsage> = new Map([
  [UserCertsRequest_CertUsage.Kubernetes, "kube"],
  [UserCertsRequest_CertUsage.Database, "db"],
  [UserCertsRequest_CertUsage.App, "apps"],
  [UserCertsRequest_CertUsage.WindowsDesktop, "windows_desktop"],
]);

/** Uses whose certificates are good for everything, or for SSH. */
const unrestricted: ReadonlySet<UserCertsRequest_CertUsage> = new Set([
  UserCertsRequest_CertUsage.All,
  UserCertsRequest_CertUsage.SSH,
]);

/** Handlers of the certificate calls. */
export function certificateHandlers(
  context: AuthContext,
): ServiceHandlers<typeof AuthService, Peer> {
  return {
    async generateUserCerts(request, call) {
      const caller = requireUser(call);
      const route = request.RouteToDatabase;
      const singleUse = request.Purpose === UserCertsRequest_CertPurpose.SINGLE_USE_CERTS;
      if (singleUse && request.Usage === UserCertsRequest_CertUsage.All) {
        throw new Fault("invalid", "single-use certificates cannot be issued for all purposes");
      }
      if (!unrestricted.has(request.Usage) && !usages.has(request.Usage)) {
        throw new Fault("invalid", "this use of certificates is not known");
      }
      const answer = readAnswer(request.MFAResponse);
      const device = answer && (await requireSecondFactor(context, caller, answer, "user-session"));
      const certificates = await reissueCertificates(context, caller, {
        username: request.Username,
        keys: requestedKeys(request),
        expires: request.Expires ? timestampDate(request.Expires) : undefined,
        usage: usages.get(request.Usage),
        singleUse,
        ...(device ? { mfaVerified: device.id } : {}),
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
