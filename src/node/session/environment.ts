/**
 * The environment of a session's program: made anew for the login, nothing inherited from the node. A client may add
 * the language and the colours of its terminal, never what a loader, a shell or an interpreter acts on.
 */
import type { Account } from "./account.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** Names that clients may set (what distributions let OpenSSH accept). */
const accepted = /^(?:LANG|LANGUAGE|LC_[A-Z]{1,32}|COLORTERM|NO_COLOR|GIT_PROTOCOL)$/;
const bounds = { count: 64, value: 4096 };

/** Variables of one client, collected before its program starts. */
export class ClientEnvironment {
  readonly #values = new Map<string, string>();

  /** Takes a variable, or drops it without a word: clients stop sending at the first refusal. */
  add(name: string, value: string): void {
    if (!accepted.test(name) || value.length > bounds.value || value.includes("\0")) return;
    if (this.#values.size < bounds.count || this.#values.has(name)) this.#values.set(name, value);
  }

  get values(): Environment {
    return Object.fromEntries(this.#values);
  }
}

/** What a session adds to the environment of its program. */
export interface SessionFacts {
  readonly sessionId: string;
  readonly username: string;
  readonly clusterName: string;
  readonly hostId: string;
  /** IP address and port of the client, as far as the proxy tells. */
  readonly client: { readonly address: string; readonly port: number };
  /** The value of TERM; undefined without a terminal. */
  readonly term: string | undefined;
  /** Path of the agent's socket. */
  readonly agentSocket: string | undefined;
}

const superuserPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ordinaryPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";

/** The whole environment. `system` is what /etc/environment says; the session's own variables win over the client's. */
export function buildEnvironment(
  account: Account,
  facts: SessionFacts,
  system: Environment,
  client: Environment,
): Record<string, string> {
  const { address, port } = facts.client;
  return {
    PATH: account.uid === 0 ? superuserPath : ordinaryPath,
    ...system,
    ...client,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
    // The node is reached through a tunnel: it has no port of its own to name.
    ...(address === ""
      ? {}
      : {
          SSH_CONNECTION: `${address} ${port} 127.0.0.1 0`,
          SSH_CLIENT: `${address} ${port} 0`,
        }),
    SSH_SESSION_ID: facts.sessionId,
    SSH_TELEPORT_USER: facts.username,
    SSH_TELEPORT_CLUSTER_NAME: facts.clusterName,
    SSH_TELEPORT_HOST_UUID: facts.hostId,
    ...(facts.term === undefined ? {} : { TERM: terminalName(facts.term) }),
    ...(facts.agentSocket === undefined ? {} : { SSH_AUTH_SOCK: facts.agentSocket }),
  };
}

/** TERM names a file of the terminal database: nothing that could lead out of it. */
function terminalName(term: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/.test(term) ? term : "dumb";
}

/** The text of /etc/environment (pam_env): `NAME=value`, values maybe quoted, nothing expanded. */
export function parseSystemEnvironment(text: string): Environment {
  const variables: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const found = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line);
    if (!found) continue;
    const [, name = "", value = ""] = found;
    if (name.startsWith("LD_")) continue;
    variables[name] = value.replace(/^(["'])(.*)\1$/, "$2");
  }
  return variables;
}
