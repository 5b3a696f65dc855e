/**
 * The agents that hold a tunnel to this proxy. An agent may hold several (it dials anew while an old tunnel is still
 * dying): the newest is tried first, and a dead one is skipped.
 */
import type { Duplex } from "node:stream";
import type { TunnelDialer, TunnelRequest } from "#api/tunnel/stream.ts";
import { Fault, isFault } from "#base/fault.ts";

/** Something that brings a stream to an agent: a tunnel, or an agent in this process. */
export type AgentDialer = Pick<TunnelDialer, "open">;

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
  async open(hostId: string, request: TunnelRequest): Promise<Duplex> {
    for (const dialer of this.#tunnels.get(hostId) ?? []) {
      try {
        return await dialer.open(request);
      } catch (error) {
        if (!isFault(error, "unavailable")) throw error;
      }
    }
    throw new Fault("unavailable", "the agent is offline or has disconnected", {
      hint: "look at the agent's log; it dials in again by itself when it can reach the proxy",
    });
  }
}
