/**
 * The agents that hold a tunnel to this proxy. An agent may hold several (it dials anew while an old tunnel is still
 * dying): the newest is tried first, and a dead one is skipped.
 */
import type { Duplex } from "node:stream";
import { splice, type TunnelDialer, type TunnelRequest } from "#api/tunnel/stream.ts";
import { Fault, isFault } from "#base/fault.ts";

/** Something that brings a stream to an agent: a tunnel, or an agent in this process. */
export interface AgentDialer extends Pick<TunnelDialer, "open"> {
  /** Gives the agent the client's own stream. Only an agent in this process can take it. */
  readonly serve?: (client: Duplex, request: TunnelRequest) => void;
}

/** Joins a client's stream to a server that was reached; resolves when the client's has closed. */
export type Join = (client: Duplex) => Promise<void>;

/** Tunnels by host id. */
export class AgentRegistry {
  readonly #tunnels = new Map<string, AgentDialer[]>();

  /** Adds a tunnel of the host; the function that it gives back takes it out again. */
  add(hostId: string, dialer: AgentDialer): () => void {
    this.#tunnels.set(hostId, [dialer, ...(this.#tunnels.get(hostId) ?? [])]);
    return () => {
      const rest = (this.#tunnels.get(hostId) ?? []).filter((other) => other !== dialer);
      if (rest.length > 0) this.#tunnels.set(hostId, rest);
      else this.#tunnels.delete(hostId);
    };
  }

  /** True when the host holds a tunnel right now. */
  has(hostId: string): boolean {
    return this.#tunnels.has(hostId);
  }

  /** Opens a stream to the host. Throws `unavailable` when no tunnel of it works. */
  open(hostId: string, request: TunnelRequest): Promise<Duplex> {
    return this.#firstOf(hostId, (dialer) => dialer.open(request));
  }

  /** Reaches the host for a client, without a copy of every byte where the agent is in this process. Throws as {@link open}. */
  connect(hostId: string, request: TunnelRequest): Promise<Join> {
    return this.#firstOf(hostId, async (dialer) => {
      const { serve } = dialer;
      if (serve === undefined) return joinTo(await dialer.open(request));
      return (client) => {
        serve(client, request);
        return whenClosed(client);
      };
    });
  }

  async #firstOf<T>(hostId: string, reach: (dialer: AgentDialer) => Promise<T>): Promise<T> {
    for (const dialer of this.#tunnels.get(hostId) ?? []) {
      try {
        return await reach(dialer);
      } catch (error) {
        if (!isFault(error, "unavailable")) throw error;
      }
    }
    throw new Fault("unavailable", "the agent is offline or has disconnected", {
      hint: "look at the agent's log; it dials in again by itself when it can reach the proxy",
    });
  }
}

/** Passes on what comes, both ways. */
export function joinTo(server: Duplex): Join {
  return (client) => splice(client, server);
}

function whenClosed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once("close", resolve);
  });
}
