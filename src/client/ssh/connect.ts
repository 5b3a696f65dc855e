/**
 * An authenticated SSH connection to a node: dial, check that the node belongs to the cluster, log in with the
 * certificate. A refusal is told in the words of the official client, with what the node and this machine know about why.
 */
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { productVersion } from "#base/version.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { ClientConnection, type ClientOptions } from "#ssh/client.ts";
import type { ClientSession } from "#ssh/connection/client-session.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { systemTimer } from "#ssh/timer.ts";
import type { ClusterAccess, DialTarget, NodeConnection, SshCredential } from "../access.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { readSshAuthorities } from "../profile/trust.ts";

/** What a connection is made of. */
export interface ConnectOptions {
  readonly login: StoredLogin;
  readonly access: ClusterAccess;
  readonly target: DialTarget;
  /** The stream to the target when it is being opened already. */
  readonly dialled?: Promise<NodeConnection>;
  /** The name that the node must prove; its host name when it was found by labels and is dialled by id. */
  readonly name?: string;
  /** Called with what the node says before the login, made safe for a terminal. */
  readonly onBanner?: (line: string) => void;
  /**
   * Asked when the node refuses: a credential for this one session, which the person proved with a second factor;
   * undefined when that is not what was missing.
   */
  readonly proveSession?: (target: DialTarget) => Promise<SshCredential | undefined>;
  readonly onForwardedTcpip?: NonNullable<ClientOptions["onForwardedTcpip"]>;
  readonly onAgent?: NonNullable<ClientOptions["onAgent"]>;
}

const versionLine = `SSH-2.0-Gatehouse_${productVersion}`;

/** Connects and logs in. Throws `access-denied` when the node lets this login in to no such account. */
export async function connectNode(options: ConnectOptions): Promise<ClientConnection> {
  const { access, target } = options;
  const banner: string[] = [];
  let connection = await open(options, banner, options.dialled ?? access.dialNode(target));
  try {
    await readyOrClosed(connection);
  } catch (error) {
    const denied = isFault(error, "access-denied");
    const proven = denied ? await options.proveSession?.(target) : undefined;
    if (proven === undefined) throw await explainRefusal(error, options, banner);
    banner.length = 0;
    connection = await open(options, banner, access.dialNode(target), proven);
    await readyOrClosed(connection).catch(async (again: unknown) => {
      throw await explainRefusal(again, options, banner);
    });
  }
  for (const line of banner) options.onBanner?.(line);
  return connection;
}

async function readyOrClosed(connection: ClientConnection): Promise<void> {
  try {
    await connection.ready;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A connection that is about to log in; what the node says meanwhile goes into `banner`. */
async function open(
  options: ConnectOptions,
  banner: string[],
  dialled: Promise<NodeConnection>,
  proven?: SshCredential,
): Promise<ClientConnection> {
  const { login, target } = options;
  const authorities = readSshAuthorities(login.folder, login.key).map(
    (line) => parseAuthorizedKey(line).blob,
  );
  const { stream, credential } = await dialled;
  return new ClientConnection(stream, {
    version: versionLine,
    random: systemRandom,
    startTimer: systemTimer,
    user: target.login,
    identity: proven ?? credential,
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
    ...(options.onForwardedTcpip === undefined
      ? {}
      : { onForwardedTcpip: options.onForwardedTcpip }),
    ...(options.onAgent === undefined ? {} : { onAgent: options.onAgent }),
  });
}

/** Opens a session. A refusal of the channel is the cluster's word on the device, a lock or a limit. */
export async function openSession(
  connection: ClientConnection,
  access: ClusterAccess,
): Promise<ClientSession> {
  try {
    return await connection.openSession();
  } catch (error) {
    if (!isFault(error)) throw error;
    const told = await completeHints(error.hint?.split("\n") ?? [], access);
    const device = /unauthorized device/u.test(error.message);
    const hint = told || (device ? await deviceHint(access) : "");
    throw new Fault(error.code, `ssh: rejected: ${error.message}`, {
      ...(hint === "" ? {} : { hint }),
      cause: error,
    });
  }
}

async function explainRefusal(
  error: unknown,
  { target, name, access, login }: ConnectOptions,
  banner: readonly string[],
): Promise<unknown> {
  const where = `${name ?? target.host}:${target.port}`;
  if (isFault(error, "unproven")) {
    return new Fault(
      "unproven",
      `${where} is not a node of ${login.key.cluster}: ${error.message}`,
      {
        hint: /not valid yet|expired/u.test(error.message)
          ? "compare the clock of this machine with that of the node: date -u"
          : "nothing was sent to it; see the nodes of the cluster with: tsh ls",
        cause: error,
      },
    );
  }
  if (!isFault(error, "access-denied")) {
    return new Fault("unavailable", `the connection to ${where} failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const hint =
    (await completeHints(
      banner.map((line) => line.replace(/^hint:\s*/u, "")),
      access,
    )) || `${await loginHint(login, target.login)}\n${await deviceHint(access)}`;
  return new Fault("access-denied", `access denied to ${target.login} connecting to ${where}`, {
    hint: hint.trim(),
    cause: error,
  });
}

/** The node knows the rule; only this machine knows that its enrolled device was asked and failed. */
async function completeHints(told: readonly string[], access: ClusterAccess): Promise<string> {
  if (!told.some((line) => line.includes("trusted device"))) return told.join("\n");
  const { problem } = await access.device().catch(() => ({ problem: undefined }));
  if (problem === undefined) return told.join("\n");
  return [`this device could not be authenticated: ${problem}`, ...told].join("\n");
}

/** The certificate says which accounts it is good for: no need to guess when this is not one of them. */
async function loginHint(login: StoredLogin, account: string): Promise<string> {
  const { summarizeLogin } = await import("../profile/summary.ts");
  const summary = await summarizeLogin(login, "", new Date());
  if (summary === undefined || summary.logins.includes(account)) {
    return "your roles do not let you in here; an administrator sees why with: tctl audit ls";
  }
  const allowed = summary.logins.join(", ") || "none";
  return `your roles allow these logins: ${allowed}`;
}

async function deviceHint(access: ClusterAccess): Promise<string> {
  const { assetTag, problem } = await access
    .device()
    .catch((error: unknown) => ({ assetTag: undefined, problem: messageOf(error) }));
  if (assetTag !== undefined) {
    return `this device (${assetTag}) is authenticated; if it was just unenrolled, log in again`;
  }
  return problem === undefined
    ? "if a trusted device is required, enroll this one with: tsh device enroll --current-device"
    : `this device could not be authenticated: ${problem}`;
}

/** Lines of a text that a stranger wrote: no control characters, bounded. */
function plainLines(text: string): string[] {
  return text
    .slice(0, 4096)
    .split(/\r?\n/u)
    .map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/gu, ""))
    .filter((line) => line !== "");
}
