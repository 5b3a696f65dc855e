/** All SSH connections of a node: lets them in, reviews them when the rules change, ends them when the node stops. */
import type { Duplex } from "node:stream";
import { messageOf } from "#base/fault.ts";
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
  readonly #stopListening: () => void;
  #closed = false;

  constructor(context: NodeContext) {
    this.#context = context;
    this.#stopListening = context.feed.onChange((deviceId) => this.review(deviceId));
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

  /** Decides anew about everything that is open; with an id, about what that device opened. */
  review(deviceId?: string): void {
    for (const connection of this.#open) {
      if (deviceId !== undefined && connection.deviceId !== deviceId) continue;
      try {
        connection.review();
      } catch (error) {
        // What cannot be decided is not allowed.
        this.#context.logger.error("a connection could not be reviewed", { error });
        connection.end(`access could not be decided: ${messageOf(error)}`);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    const open = [...this.#open];
    for (const connection of open) connection.end("this server's agent is stopping");
    await Promise.all(open.map(({ closed }) => closed));
    await this.#agentSockets.close();
  }

  #countOf(username: string): number {
    return [...this.#open].filter(({ grantedUser }) => grantedUser === username).length;
  }
}
