/** The door of agents: they dial in with their host certificate, and from then on the proxy brings connections to them. */
import { TunnelDialer } from "#api/tunnel/stream.ts";
import type { Logger } from "#base/log.ts";
import type { AgentRegistry } from "../agents/registry.ts";
import type { Connection } from "../front-door.ts";
import type { PeerCheck } from "./peers.ts";

const agentRoles: readonly string[] = ["Node", "Db", "Kube", "App"];

/** The function that takes connections. */
export function openAgentDoor(options: {
  readonly peers: PeerCheck;
  readonly agents: AgentRegistry;
  readonly logger: Logger;
}): (connection: Connection) => void {
  const { peers, agents, logger } = options;
  return (connection) => {
    const { identity } = peers.identify(connection);
    if (
      identity?.kind !== "system" ||
      !identity.systemRoles.some((role) => agentRoles.includes(role))
    ) {
      logger.warn("refused a tunnel of something that is no agent", {
        from: connection.remoteAddress,
      });
      connection.socket.destroy();
      return;
    }
    const { hostId } = identity;
    const dialer = new TunnelDialer(connection.socket);
    const remove = agents.add(hostId, dialer);
    logger.info("an agent opened its tunnel", { hostId });
    void dialer.closed.then(() => {
      remove();
      logger.info("the tunnel of an agent is gone", { hostId });
    });
  };
}
