/**
 * Brings connections to servers, whatever way the client came in by: through the tunnel of the server's agent, through
 * this process, or straight to the address of a server without an agent. It dials what is registered and nothing else.
 */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { type ReachableKind, reachableOf } from "#access/reachable.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import type { TunnelRequest } from "#api/tunnel/stream.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Node } from "#resource/node.ts";
import { type AgentRegistry, type Join, joinTo } from "./agents/registry.ts";
import { findTarget, parseTarget } from "./targets.ts";

const directTimeoutMs = 10_000;

/** What people call resources that agents serve. */
const nouns = {
  db_server: "database",
  kube_server: "Kubernetes cluster",
} as const satisfies Record<Exclude<ReachableKind, "node">, string>;

/** Resolves targets and dials them. */
export class Dialer {
  readonly #feed: AuthorityFeed;
  readonly #agents: AgentRegistry;
  #turn = 0;

  constructor(feed: AuthorityFeed, agents: AgentRegistry) {
    this.#feed = feed;
    this.#agents = agents;
  }

  /**
   * A stream to the SSH server that `hostPort` names. Throws `not-found` for what is not registered and `unavailable`
   * when the server does not answer. Who may log in there is decided by the server itself.
   */
  async dialSsh(hostPort: string, clientAddress: string): Promise<Duplex> {
    const node = this.#find(hostPort);
    if (isAgentless(node)) return dialDirectly(node);
    return this.#agents.open(node.metadata.name, { service: "ssh", clientAddress });
  }

  /** As {@link dialSsh}, for a client whose stream carries nothing but the server's bytes: it may become the server's own. */
  async connectSsh(hostPort: string, clientAddress: string): Promise<Join> {
    const node = this.#find(hostPort);
    if (isAgentless(node)) return joinTo(await dialDirectly(node));
    return this.#agents.connect(node.metadata.name, { service: "ssh", clientAddress });
  }

  /**
   * Reaches an agent that serves the resource of this kind and name, the next one when one is dead. Throws `not-found`
   * when no agent serves it, and `unavailable` when none of them answers.
   */
  async connectAgent(
    kind: Exclude<ReachableKind, "node">,
    name: string,
    request: TunnelRequest,
  ): Promise<Join> {
    const noun = nouns[kind];
    const serving = [...this.#feed.view.resources[kind].values()]
      .map(reachableOf)
      .filter((resource) => resource.name === name)
      .filter(({ hostId }) => this.#agents.has(hostId));
    const known = [...this.#feed.view.resources[kind].values()].some(
      (document) => reachableOf(document).name === name,
    );
    if (!known) {
      throw new Fault("not-found", `no ${noun} named "${name.slice(0, 100)}" is registered`, {
        hint: `list those that you may reach with: tsh ${request.service} ls`,
      });
    }
    // One after the other takes the first place, so that several agents share the work.
    const first = this.#turn++ % Math.max(1, serving.length);
    for (const { hostId } of [...serving.slice(first), ...serving.slice(0, first)]) {
      try {
        return await this.#agents.connect(hostId, request);
      } catch (error) {
        if (!isFault(error, "unavailable")) throw error;
      }
    }
    throw new Fault("unavailable", `no agent of the ${noun} "${name}" answers`, {
      hint: "look at the log of its agent; it dials in again by itself when it can reach the proxy",
    });
  }

  /**
   * Streams to all agents of such resources whose host id is `wanted`, one for each; an agent that does not answer has
   * none. For what is meant for an agent rather than for a resource.
   */
  async openAgents(
    kind: Exclude<ReachableKind, "node">,
    wanted: (hostId: string) => boolean,
    request: TunnelRequest,
  ): Promise<Duplex[]> {
    const documents = [...this.#feed.view.resources[kind].values()];
    const hosts = new Set(documents.map((document) => reachableOf(document).hostId));
    const opened = [...hosts]
      .filter((hostId) => wanted(hostId) && this.#agents.has(hostId))
      .map((hostId) => this.#agents.open(hostId, request).catch(() => undefined));
    return (await Promise.all(opened)).filter((stream) => stream !== undefined);
  }

  #find(hostPort: string): Node {
    const { networking, resources } = this.#feed.view;
    const caseInsensitive = networking.spec.case_insensitive_routing ?? false;
    return findTarget(resources.node.values(), parseTarget(hostPort), { caseInsensitive });
  }
}

function isAgentless(node: Node): boolean {
  return node.sub_kind === "openssh" || node.sub_kind === "openssh-ec2-ice";
}

function dialDirectly(node: Node): Promise<Duplex> {
  const { host, port } = parseTarget(node.spec.addr ?? "");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: port || 22, noDelay: true });
    const fail = (cause?: unknown) => {
      socket.destroy();
      reject(
        new Fault(
          "unavailable",
          `the server ${node.spec.hostname} does not answer at ${host}:${port || 22}`,
          { cause },
        ),
      );
    };
    const timer = setTimeout(fail, directTimeoutMs);
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("close", () => clearTimeout(timer));
  });
}
