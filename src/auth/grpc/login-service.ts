/** gatehouse.v1.LoginService: what the proxy asks on behalf of people who log in. Only a proxy may call. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { mfaDeviceFields } from "../audit/fields.ts";
import {
  formatSshCertificate,
  formatTlsCertificate,
  readSshKey,
  readTlsKey,
} from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import { firstDevice } from "../mfa/first-device.ts";
import { currentPolicy } from "../mfa/verify.ts";
import {
  formatAssertionChallenge,
  formatCreationChallenge,
  parseAttestation,
  readLoginAnswer,
} from "../mfa/webauthn-json.ts";
import { singletons } from "../store/stores.ts";
import { certifyUser } from "../users/certify.ts";
import { identityOfLogin } from "../users/identity.ts";
import { beginLogin, proveLogin } from "../users/login.ts";
import { recordLogin } from "../users/record-login.ts";
import { secondFactorPolicy } from "../users/second-factor.ts";
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
      const challenge = await beginLogin(context, user, password, { clientIp, userAgent });
      return {
        totpChallenge: challenge.totp,
        webauthnChallengeJson: formatAssertionChallenge(challenge),
      };
    },

    async finishLogin(request, call) {
      requireSystem(call, "Proxy");
      const keys = { ssh: readSshKey(request.sshPublicKey), tls: readTlsKey(request.tlsPublicKey) };
      const { user, password, clientIp, userAgent } = request;
      const client = { clientIp, userAgent };
      const answer = readLoginAnswer(request);
      const proven = await proveLogin(context, user, password, answer, client);
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
      const { user, kind, expires, totp, challenge, webauthnUserId: userId } = invitation;
      const { clusterName: cluster } = context;
      const policy = await currentPolicy(context);
      const rpId = policy.listsMakers ? undefined : policy.rpId;
      return {
        user,
        type: kind,
        expires,
        otpauthUrl: policy.totp ? totpUrl(totp, user, cluster) : "",
        webauthnCreationJson:
          rpId === undefined
            ? ""
            : formatCreationChallenge({ challenge, rpId, cluster, user, userId }),
        secondFactorRequired: policy.required,
      };
    },

    async acceptInvitation(request, call) {
      requireSystem(call, "Proxy");
      const { token, password, totpCode: code, clientIp, userAgent } = request;
      const { webauthnResponseJson: json } = request;
      const factor = { code, ...(json === "" ? {} : { attestation: parseAttestation(json) }) };
      const { user } = await context.invitations.accept(
        token,
        password,
        (invitation) => firstDevice(context, invitation, factor),
        async ({ user: name }, device) => {
          await context.audit.record("user.password_change", {
            user: name,
            user_agent: userAgent,
            "addr.remote": clientIp,
          });
          if (!device) return;
          await context.audit.record("mfa.add", {
            user: name,
            ...mfaDeviceFields(device),
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
  const { mode, rpId } = secondFactorPolicy(spec);
  const motd = spec.message_of_the_day ?? "";
  const ttl = spec.default_session_ttl;
  return {
    clusterName: context.clusterName,
    secondFactor: mode,
    preferredLocalMfa: mode === "off" ? "" : rpId === undefined ? "otp" : "webauthn",
    webauthnRpId: rpId ?? "",
    deviceTrustDisabled: spec.device_trust?.mode === "off",
    deviceTrustAutoEnroll: spec.device_trust?.auto_enroll ?? false,
    defaultSessionTtlNs: BigInt(Math.round((ttl ? parseDuration(ttl) : 0) * 1e6)),
    signatureAlgorithmSuite: spec.signature_algorithm_suite ?? "balanced-v1",
    hasMotd: motd !== "",
    motd,
  };
}
