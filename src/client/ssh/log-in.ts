/** The login to a node over an open stream: the node must be of the cluster, the person proves itself with a certificate. */
import type { Duplex } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { ClientTransport } from "#ssh/client-transport.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { systemTimer } from "#ssh/timer.ts";
import type { DialTarget, NodeLogin, SshCredential } from "../access.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { readSshAuthorities } from "../profile/trust.ts";

const versionLine = `SSH-2.0-Gatehouse_${productVersion}`;

/** Logs in to the account of `target`. How it went is in the result; throws only what is a bug of ours. */
export async function logIn(
  stream: Duplex,
  { login, target, credential }: LoginOptions,
): Promise<NodeLogin> {
  const authorities = readSshAuthorities(login.folder, login.key).map(
    (line) => parseAuthorizedKey(line).blob,
  );
  const banner: string[] = [];
  const transport = new ClientTransport(stream, {
    version: versionLine,
    random: systemRandom,
    startTimer: systemTimer,
    user: target.login,
    identity: credential,
    verifyHost({ certificate }) {
      if (certificate === undefined) {
        throw new Fault("unproven", `${target.host} shows no host certificate of the cluster`);
      }
      checkCertificate(certificate, {
        type: "host",
        authorities,
        now: new Date(),
        principal: target.host,
      });
    },
    onBanner: (text) => banner.push(...plainLines(text)),
  });
  try {
    await transport.ready;
    return { banner, transport };
  } catch (error) {
    transport.close();
    if (!isFault(error)) throw error;
    return { banner, fault: error };
  }
}

/** Whose cluster, which account, and what proves the person. */
export interface LoginOptions {
  readonly login: StoredLogin;
  readonly target: DialTarget;
  readonly credential: SshCredential;
}

/** Lines of a text that a stranger wrote: no control characters, bounded. */
function plainLines(text: string): string[] {
  return text
    .slice(0, 4096)
    .split(/\r?\n/u)
    .map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/gu, ""))
    .filter((line) => line !== "");
}
