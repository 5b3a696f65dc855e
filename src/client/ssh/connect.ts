/**
 * An authenticated SSH connection to a node: dial, check that the node belongs to the cluster, log in with the
 * certificate. A refusal is told in the words of the official client, with what the node and this machine know about why.
 */
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { ClientConnection, type ClientOptions } from "#ssh/client.ts";
import type { ClientSession } from "#ssh/connection/client-session.ts";
import type { MessageTransport } from "#ssh/connection/message-transport.ts";
import type {
  ClusterAccess,
  DeviceState,
  DialTarget,
  NodeLogin,
  SshCredential,
} from "../access.ts";
import type { StoredLogin } from "../profile/logins.ts";

/** What a connection is made of. */
export interface ConnectOptions {
  readonly login: StoredLogin;
  readonly access: ClusterAccess;
  readonly target: DialTarget;
  /** The login to the target when it has begun already. */
  readonly loggingIn?: Promise<NodeLogin>;
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

/** Connects and logs in. Throws `access-denied` when the node lets this login in to no such account. */
export async function connectNode(options: ConnectOptions): Promise<ClientConnection> {
  const { access, target } = options;
  const first = await (options.loggingIn ?? access.logInToNode(target));
  if ("transport" in first) return connectionOver(first, options);
  const denied = first.fault.code === "access-denied";
  const proven = denied ? await options.proveSession?.(target) : undefined;
  if (proven === undefined) throw await explainRefusal(first.fault, options, first.banner);
  const { logIn } = await import("./log-in.ts");
  const { login } = options;
  const again = await logIn(await access.dialNode(target), { login, target, credential: proven });
  if ("transport" in again) return connectionOver(again, options);
  throw await explainRefusal(again.fault, options, again.banner);
}

function connectionOver(
  { banner, transport }: Extract<NodeLogin, { transport: MessageTransport }>,
  { onBanner, onForwardedTcpip, onAgent }: ConnectOptions,
): ClientConnection {
  for (const line of banner) onBanner?.(line);
  return new ClientConnection(transport, {
    ...(onForwardedTcpip === undefined ? {} : { onForwardedTcpip }),
    ...(onAgent === undefined ? {} : { onAgent }),
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
  error: Fault,
  { target, name, access, login }: ConnectOptions,
  banner: readonly string[],
): Promise<Fault> {
  const where = `${name ?? target.host}:${target.port}`;
  if (error.code === "unproven") {
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
  if (error.code !== "access-denied") {
    return new Fault("unavailable", `the connection to ${where} failed: ${error.message}`, {
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
  const state = await access.device().catch(() => undefined);
  if (state === undefined) return told.join("\n");
  // What this machine knows to type is better than what the node says to everybody.
  const rule = (line: string) =>
    state.hint ? line.replace(/; enroll this one with: .*$/u, "") : line;
  return [...problemLines(state), ...told.map(rule)].join("\n");
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
  const state: DeviceState = await access
    .device()
    .catch((error: unknown) => ({ assetTag: undefined, problem: messageOf(error) }));
  if (state.assetTag !== undefined) {
    return `this device (${state.assetTag}) is authenticated; if it was just unenrolled, log in again`;
  }
  return (
    problemLines(state).join("\n") ||
    "if a trusted device is required, enroll this one with: tsh device enroll --current-device"
  );
}

/** Why the login carries no device, and what to type about it; nothing when nothing went wrong. */
function problemLines({ problem, hint }: DeviceState): readonly string[] {
  if (problem === undefined) return [];
  return [
    `this device could not be authenticated: ${problem}`,
    ...(hint === undefined ? [] : [hint]),
  ];
}
