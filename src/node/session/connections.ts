/** All SSH connections of a node: lets them in, and ends them when the node stops. */
import type { Duplex } from "node:stream";
import type { Closable } from "#base/lifecycle.ts";
import type { NodeContext } from "../context.ts";
import { AgentSockets } from "./agent-socket.ts";
import { parseClientAddress } from "./client-address.ts";
import { NodeConnection } from "./connection.ts";

/** The connections of one node. */
export class Connections implements Closable {
  readonly #context: NodeContext;
  readonly #open = new Set<NodeConnection>();
  readonly #agentSockets = new AgentSockets();
  #closed = false;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** Serves a stream. */
  accept(stream: Duplex, clientAddress: string): void {
    if (this.#closed) {
      stream.destroy();
      return;
    }
    const connection: NodeConnection = new NodeConnection(stream, {
      context: this.#context,
      agentSockets: this.#agentSockets,
      remote: parseClientAddress(clientAddress),
      countOf: (username) => this.#countOf(username),
    });
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = [...this.#open];
    for (const connection of open) connection.end("this server's agent is stopping");
    await Promise.all(open.map(({ closed }) => closed));
    await this.#agentSockets.close();
  }

  #countOf(username: string): number {
    return [...this.#open].filter(({ grantedUser }) => grantedUser === username).length;
  }
}
