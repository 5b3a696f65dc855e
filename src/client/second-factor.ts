/**
 * Second factors on the person's side: answering what the cluster asks, and the credential for one session that an answer
 * gives. Codes of authenticator apps only: this program speaks to no security keys.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "#api/grpc/client.ts";
import { Fault, isFault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import {
  UserCertsRequest_CertPurpose as Purpose,
  UserCertsRequest_CertUsage as Usage,
} from "#gen/proto/certs_pb.ts";
import {
  type MFAAuthenticateChallenge,
  type MFAAuthenticateResponseSchema,
  MFARequired,
} from "#gen/proto/mfa_pb.ts";
import { ChallengeScope } from "#gen/teleport/mfa/v1/mfa_pb.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { formatAuthorizedKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import type { DialTarget, SshCredential } from "./access.ts";
import { thisDevice } from "./ceremony/this-device.ts";
import { DirectAccess } from "./direct-access.ts";
import type { StoredLogin } from "./profile/logins.ts";

/** Asks the person for a code of an app that the cluster knows. */
export type AskCode = () => Promise<string>;

/** An answer, to go into a request. */
export type SecondFactorAnswer = MessageInitShape<typeof MFAAuthenticateResponseSchema>;

/** Answers a challenge; undefined when it asks for nothing. Throws `unimplemented` when only a security key would do. */
export async function answerChallenge(
  challenge: MFAAuthenticateChallenge,
  askCode: AskCode,
): Promise<SecondFactorAnswer | undefined> {
  if (challenge.TOTP) {
    const Code = (await askCode()).replaceAll(" ", "");
    return { Response: { case: "TOTP", value: { Code } } };
  }
  if (!challenge.WebauthnChallenge) return undefined;
  throw new Fault("unimplemented", "this needs a security key, which this program cannot ask", {
    hint: "add an authenticator app on a page of the cluster, with a link from: tctl users reset NAME",
  });
}

/** Opens a challenge for changing second factors, and answers it; undefined when the person has none yet. */
export async function proveOwner(
  auth: Client<typeof AuthService>,
  askCode: AskCode,
): Promise<SecondFactorAnswer | undefined> {
  const challenge = await auth.createAuthenticateChallenge({
    Request: { case: "ContextUser", value: {} },
    ChallengeExtensions: { scope: ChallengeScope.MANAGE_DEVICES },
  });
  return answerChallenge(challenge, askCode);
}

/**
 * The credential for one session, after a node refused the login's own: undefined when a second factor is not what was
 * missing. Keeps the device that this machine is authenticated as.
 */
export async function proveSession(
  login: StoredLogin,
  env: NodeJS.ProcessEnv,
  target: DialTarget,
  askCode: AskCode,
): Promise<SshCredential | undefined> {
  const access = new DirectAccess({ login, device: thisDevice(env) });
  try {
    const auth = createClient(AuthService, await access.auth());
    const node = { Node: target.host, Login: target.login };
    const challenge = await auth
      .createAuthenticateChallenge({
        Request: { case: "ContextUser", value: {} },
        MFARequiredCheck: { Target: { case: "Node", value: node } },
        ChallengeExtensions: { scope: ChallengeScope.USER_SESSION },
      })
      .catch((error: unknown) => {
        // Whoever cannot be asked explains nothing: the node's refusal stands.
        if (isFault(error)) return undefined;
        throw error;
      });
    if (challenge?.MFARequired !== MFARequired.MFA_REQUIRED_YES) return undefined;
    const MFAResponse = await answerChallenge(challenge, askCode);
    if (!MFAResponse) throw noFactors();
    const { ssh } = await access.identity();
    const { key, validBefore } = parseCertificate(ssh.certificate);
    const { SSH } = await auth.generateUserCerts({
      Username: login.key.user,
      RouteToCluster: login.key.cluster,
      NodeName: target.host,
      SSHLogin: target.login,
      Usage: Usage.SSH,
      Purpose: Purpose.SINGLE_USE_CERTS,
      // As long as the login at most; how long it is to be is the cluster's to say.
      Expires: { seconds: validBefore },
      SSHPublicKey: new TextEncoder().encode(formatAuthorizedKey(key.blob)),
      MFAResponse,
    });
    const { blob } = parseAuthorizedKey(new TextDecoder().decode(SSH));
    return { certificate: blob, signer: ssh.signer };
  } finally {
    access.close();
  }
}

function noFactors(): Fault {
  return new Fault("access-denied", "sessions here need a second factor, and you have none", {
    hint: "add an authenticator app with: tsh mfa add",
  });
}
