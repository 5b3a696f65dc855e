/**
 * The door of databases: whose certificate it is, which database that names, and the agent that serves it. The certificate
 * comes with the outer TLS connection (our own clients, and official ones with `--tunnel`), or with a second one inside,
 * which the database's own client begins.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Peer } from "#api/peer.ts";
import { PingStream } from "#api/tunnel/ping-stream.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { uuid } from "#base/random.ts";
import type { DatabaseRoute, UserIdentity } from "#identity/identity.ts";
import type { DenialLog } from "../denials.ts";
import type { Dialer } from "../dialer.ts";
import type { Connection } from "../front-door.ts";
import { mysqlDoor } from "./mysql.ts";
import type { PeerCheck } from "./peers.ts";
import { postgresDoor } from "./postgres.ts";
import { redisDoor } from "./redis.ts";

/** What the door needs. */
export interface DatabaseDoorOptions {
  readonly peers: PeerCheck;
  readonly denials: DenialLog;
  readonly dialer: Dialer;
  /** Begins TLS with the certificate of the host authority on a stream inside a connection. */
  readonly secure: (stream: Duplex, remoteAddress: string) => Promise<TLSSocket>;
  readonly logger: Logger;
}

/** How a client began, before the agent takes over. */
interface DatabaseOpening {
  /** The stream from which the agent reads first. */
  readonly stream: Duplex;
  /** The TLS connection that the client began inside, if it did. */
  readonly inner: TLSSocket | undefined;
  /** What the connection is for when not for a session; nobody needs to be known for it. */
  readonly instead?: (dialer: Dialer, clientAddress: string) => Promise<void>;
}

/** What the door knows of a protocol. */
export interface DatabaseProtocolDoor {
  /** Reads how the client begins. `identified`: the outer connection has shown a certificate. */
  open(
    stream: Duplex,
    outer: {
      readonly secure: (stream: Duplex) => Promise<TLSSocket>;
      readonly identified: boolean;
    },
  ): Promise<DatabaseOpening>;
  /** The words of the protocol for a refusal; the connection ends after them. */
  refusal(fault: Fault): Uint8Array;
}

const openingMs = 30_000;

/** The protocols by their names in ALPN. */
const protocols: Readonly<Record<string, DatabaseProtocolDoor>> = {
  postgres: postgresDoor,
  mysql: mysqlDoor,
  redis: redisDoor,
};

/** The function that takes connections. */
export function openDatabaseDoor(options: DatabaseDoorOptions): (connection: Connection) => void {
  return (connection) => {
    const [, name = "", ping] = /^teleport-([a-z]+)(-ping)?$/.exec(connection.protocol) ?? [];
    const stream = ping === undefined ? connection.socket : new PingStream(connection.socket);
    const protocol = Object.hasOwn(protocols, name) ? protocols[name] : undefined;
    stream.on("error", () => stream.destroy());
    if (protocol === undefined) {
      stream.destroy();
      return;
    }
    serve(options, connection, stream, protocol).catch((error: unknown) => {
      options.logger.debug("a connection to a database failed", { error });
      stream.destroy();
    });
  };
}

async function serve(
  options: DatabaseDoorOptions,
  connection: Connection,
  outer: Duplex,
  protocol: DatabaseProtocolDoor,
): Promise<void> {
  const { peers, dialer } = options;
  const { socket, remoteAddress } = connection;
  const late = setTimeout(() => outer.destroy(), openingMs);
  let stream = outer;
  let peer: Peer | undefined;
  try {
    const opening = await protocol.open(outer, {
      secure: (inside) => options.secure(inside, remoteAddress),
      identified: socket.authorized,
    });
    stream = opening.stream;
    peer = peers.identify(opening.inner ? { ...connection, socket: opening.inner } : connection);
    if (opening.instead !== undefined) {
      await opening.instead(dialer, peer.address);
      stream.end();
      return;
    }
    const { user, route } = requireRoute(peers, peer);
    const certificate = peer.certificate?.encoded ?? new Uint8Array();
    const request = { service: "db", clientAddress: peer.address, certificate } as const;
    const join = await dialer.connectAgent("db_server", route.serviceName, request);
    clearTimeout(late);
    const release = peers.hold(user, () => stream.destroy());
    await join(stream).finally(release);
  } catch (error) {
    stream.end(
      protocol.refusal(await explain(options, peer, connection, tellable(options, error))),
    );
  } finally {
    clearTimeout(late);
  }
}

/** The fault with the way to its whole reason, if it is a refusal of somebody who is known. */
async function explain(
  { denials }: DatabaseDoorOptions,
  peer: Peer | undefined,
  { protocol }: Connection,
  fault: Fault,
): Promise<Fault> {
  const hint = peer && (await denials.explain(peer, protocol, fault));
  return hint === undefined ? fault : new Fault(fault.code, fault.message, { hint, cause: fault });
}

/** The person and the database that the certificate is for. Throws `unproven` when it is for none. */
function requireRoute(
  peers: PeerCheck,
  peer: Peer,
): { readonly user: UserIdentity; readonly route: DatabaseRoute } {
  const user = peers.requireUser(peer, "db");
  if (user.database !== undefined) return { user, route: user.database };
  throw new Fault("unproven", "the certificate is not for a database", {
    hint: "connect with: tsh db connect NAME",
  });
}

/** A bug of ours is named by a reference, never by what it says. */
function tellable({ logger }: DatabaseDoorOptions, error: unknown): Fault {
  if (isFault(error)) return error;
  const reference = uuid();
  logger.error("a connection to a database failed", { error, reference });
  return new Fault("internal", `internal error, reference ${reference}`);
}
