/** gatehouse.v1.LoginService: what the proxy asks on behalf of people who log in. Only a proxy may call. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { identityFields, mfaDeviceFields } from "../audit/fields.ts";
import {
  formatSshCertificate,
  formatTlsCertificate,
  readSshKey,
  readTlsKey,
} from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import { singletons } from "../store/stores.ts";
import { certifyUser } from "../users/certify.ts";
import { identityOfLogin } from "../users/identity.ts";
import { checkPassword, proveLogin } from "../users/login.ts";
import { secondFactorOf } from "../users/second-factor.ts";
import type { TotpDevice } from "../users/totp.ts";
import { totpUrl } from "../users/totp.ts";
import { requireSystem } from "./guard.ts";

/** The handlers of LoginService. */
export function loginService(context: AuthContext): ServiceHandlers<typeof LoginService, Peer> {
  return {
    async getPingInfo(_request, call) {
      requireSystem(call, "Proxy");
      return pingInfo(context);
    },

    async beginLogin({ user, password, passwordless, clientIp, userAgent }, call) {
      requireSystem(call, "Proxy");
      if (passwordless) {
        throw new Fault(
          "unimplemented",
          "login without a password is not available on this cluster",
        );
      }
      await checkPassword(context, user, password, { clientIp, userAgent });
      const mode = secondFactorOf((await preferenceOf(context)).spec);
      return { totpChallenge: mode !== "off" };
    },

    async finishLogin(request, call) {
      requireSystem(call, "Proxy");
      const keys = { ssh: readSshKey(request.sshPublicKey), tls: readTlsKey(request.tlsPublicKey) };
      const { user, password, totpCode, clientIp, userAgent } = request;
      const client = { clientIp, userAgent };
      const proven = await proveLogin(context, user, password, totpCode, client);
      const identity = await identityOfLogin(context, proven.user, {
        ttlMs: Number(request.ttlNs) / 1e6,
        clientIp,
        routeToCluster: request.routeToCluster,
        kubernetesCluster: request.kubernetesCluster,
      });
      await recordLogin(context, identity, proven.device, client);
      const certificates = await certifyUser(context, identity, keys);
      const { authorities, clusterName } = context;
      return {
        username: user,
        sshCertificate: certificates.ssh ? formatSshCertificate(certificates.ssh) : "",
        tlsCertificate: certificates.tls ? formatTlsCertificate(certificates.tls) : "",
        hostSigners: [
          {
            domainName: clusterName,
            checkingKeys: [authorities.sshLine("host")],
            tlsCertificates: [authorities.certificatePem("host")],
          },
        ],
      };
    },

    async getInvitation({ token }, call) {
      requireSystem(call, "Proxy");
      const invitation = await context.invitations.get(token);
      return {
        user: invitation.user,
        type: invitation.kind,
        expires: invitation.expires,
        otpauthUrl: totpUrl(invitation.totp, invitation.user, context.clusterName),
      };
    },

    async acceptInvitation({ token, password, totpCode, clientIp, userAgent }, call) {
      requireSystem(call, "Proxy");
      const { user } = await context.invitations.accept(
        token,
        password,
        totpCode,
        async ({ user: name, totp }) => {
          await context.audit.record("user.password_change", {
            user: name,
            user_agent: userAgent,
            "addr.remote": clientIp,
          });
          await context.audit.record("mfa.add", {
            user: name,
            ...mfaDeviceFields(totp),
            "addr.remote": clientIp,
          });
        },
      );
      return { user };
    },
  };
}

async function preferenceOf(context: AuthContext) {
  return context.stores.authPreference.get(singletons.authPreference);
}

async function pingInfo(context: AuthContext) {
  const { spec } = await preferenceOf(context);
  const motd = spec.message_of_the_day ?? "";
  const ttl = spec.default_session_ttl;
  return {
    clusterName: context.clusterName,
    secondFactor: secondFactorOf(spec),
    preferredLocalMfa: "otp",
    deviceTrustDisabled: spec.device_trust?.mode === "off",
    deviceTrustAutoEnroll: spec.device_trust?.auto_enroll ?? false,
    defaultSessionTtlNs: BigInt(Math.round((ttl ? parseDuration(ttl) : 0) * 1e6)),
    signatureAlgorithmSuite: spec.signature_algorithm_suite ?? "balanced-v1",
    hasMotd: motd !== "",
    motd,
  };
}

/** Both events are durable before the certificates leave. */
async function recordLogin(
  context: AuthContext,
  identity: UserIdentity,
  device: TotpDevice | undefined,
  client: { readonly clientIp: string; readonly userAgent: string },
): Promise<void> {
  await context.audit.record("user.login", {
    success: true,
    user: identity.username,
    method: "local",
    required_private_key_policy: "none",
    ...(device ? { mfa_device: mfaDeviceFields(device) } : {}),
    user_agent: client.userAgent,
    "addr.remote": client.clientIp,
  });
  await context.audit.record("cert.create", {
    user: identity.username,
    cert_type: "user",
    identity: identityFields(identity),
    user_agent: client.userAgent,
  });
}
