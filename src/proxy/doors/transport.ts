/** The door of the public API's TransportService: byte streams to servers inside gRPC, for the official clients. */
import type { Duplex } from "node:stream";
import { GrpcServer } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import { registerTransport } from "#api/transport.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import type { DenialLog } from "../denials.ts";
import type { Dialer } from "../dialer.ts";
import type { Connection } from "../front-door.ts";
import type { PeerCheck } from "./peers.ts";

/** What the door needs. */
export interface TransportDoorOptions {
  readonly peers: PeerCheck;
  readonly denials: DenialLog;
  readonly dialer: Dialer;
  readonly clusterName: string;
  /** Opens a raw connection to the auth service of this cluster; TLS runs inside it. */
  readonly dialAuth: () => Promise<Duplex>;
  readonly logger: Logger;
}

/** How long a connection without a certificate may last. */
const strangerMs = 10_000;

/** The gRPC server behind the door, and the function that takes connections. */
export function openTransportDoor(options: TransportDoorOptions) {
  const { peers, denials, dialer, clusterName, dialAuth, logger } = options;
  const server = new GrpcServer<Peer>({
    log: logger,
    intercept: (call) => {
      peers.requireUser(call.peer);
    },
    conclude: async ({ peer, path }, status) => {
      const { message, hint, audit = {} } = status;
      return { ...status, hint: await denials.explain(peer, path, { message, hint, audit }) };
    },
  });
  registerTransport<Peer>(server, {
    dialSsh({ hostPort, cluster }, { peer }) {
      assertOwnCluster(cluster, clusterName);
      return dialer.dialSsh(hostPort, peer.address);
    },
    dialCluster(cluster) {
      assertOwnCluster(cluster, clusterName);
      return dialAuth();
    },
  });
  return {
    server,
    accept: (connection: Connection) => {
      const peer = peers.identify(connection);
      const accepted = server.accept(connection.socket, peer);
      if (!peer.identity) {
        // Every call is refused; the connection is good for hearing that, and for no more.
        const end = () =>
          accepted.close(new Fault("unproven", "this needs the certificate of a user"));
        const timer = setTimeout(end, strangerMs).unref();
        connection.socket.once("close", () => clearTimeout(timer));
        return;
      }
      const locked = () => accepted.close(new Fault("locked", "access denied: a lock is in force"));
      connection.socket.once("close", peers.hold(peer.identity, locked));
    },
  };
}

function assertOwnCluster(wanted: string, own: string): void {
  if (wanted !== "" && wanted !== own) {
    throw new Fault("not-found", `this proxy knows no cluster "${wanted}"`);
  }
}
