/** The door of agents: they dial in with their host certificate, and from then on the proxy brings connections to them. */
import { TunnelDialer } from "#api/tunnel/stream.ts";
import { Fault } from "#base/fault.ts";
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
    try {
      admit(connection);
    } catch (error) {
      logger.warn("refused the tunnel of an agent", { from: connection.remoteAddress, error });
      connection.socket.destroy();
    }
  };

  function admit(connection: Connection): void {
    const identity = peers.requireSystem(peers.identify(connection));
    if (!identity.systemRoles.some((role) => agentRoles.includes(role))) {
      throw new Fault("access-denied", "a service of this role brings no tunnel");
    }
    const { hostId } = identity;
    const dialer = new TunnelDialer(connection.socket);
    const remove = agents.add(hostId, dialer);
    const release = peers.hold(identity, () => dialer.close());
    logger.info("an agent opened its tunnel", { hostId });
    void dialer.closed.then(() => {
      remove();
      release();
      logger.info("the tunnel of an agent is gone", { hostId });
    });
  }
}
