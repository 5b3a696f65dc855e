/**
 * Takes the streams that the proxy brings. The agent verifies the person's certificate itself (decision 17), finds the
 * database that it names, and hands over to the engine of its protocol.
 */
import type { Duplex } from "node:stream";
import { identifyCertificate } from "#api/peer.ts";
import type { AcceptStream, TunnelRequest } from "#api/tunnel/stream.ts";
import { Fault, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { DatabaseProtocol } from "#resource/database.ts";
import type { DatabaseContext } from "./context.ts";
import { DatabaseSession, type Visitor } from "./session.ts";

/** A protocol of databases. */
export interface Engine {
  /** Serves a person until the connection is over. What it throws, `refuse` tells the person. */
  serve(stream: Duplex, session: DatabaseSession): Promise<void>;
  /** Tells the person why there is no session, in the protocol's own words, and ends the stream. */
  refuse(stream: Duplex, reason: Fault): void;
  /** Serves a stream whose sender nobody knows, where the protocol has a use for one. */
  serveStranger?(stream: Duplex, clientAddress: string): Promise<void>;
}

/** The engines by the protocol of the database. */
export type Engines = Readonly<Record<DatabaseProtocol, Engine>>;

/** The function that takes streams. It never throws: what goes wrong is told to the person, and logged. */
export function acceptWith(context: DatabaseContext, engines: Engines): AcceptStream {
  return (stream, request) => {
    stream.on("error", () => stream.destroy());
    const served =
      request.certificate === undefined
        ? serveStranger(engines, stream, request)
        : serve(context, engines, stream, { ...request, certificate: request.certificate });
    served.catch((error: unknown) => {
      context.logger.debug("a connection to a database failed", { error });
      stream.destroy();
    });
  };
}

async function serveStranger(
  { postgres }: Engines,
  stream: Duplex,
  { clientAddress }: TunnelRequest,
): Promise<void> {
  await postgres.serveStranger?.(stream, clientAddress);
  stream.destroy();
}

async function serve(
  context: DatabaseContext,
  engines: Engines,
  stream: Duplex,
  request: TunnelRequest & { readonly certificate: Uint8Array },
): Promise<void> {
  const visitor = identify(context, request);
  const database = context.served.find(visitor.route.serviceName);
  if (database === undefined) {
    throw new Fault("not-found", `the database "${visitor.route.serviceName}" is not served here`);
  }
  const engine = engines[database.spec.protocol];
  const session = new DatabaseSession(context, visitor, database);
  try {
    await engine.serve(stream, session);
  } catch (error) {
    engine.refuse(stream, tellable(context, error));
  } finally {
    session.end();
  }
}

/** Who came. Throws `unproven` for a certificate that is no person's, or that names no database. */
function identify(
  { feed, clock }: DatabaseContext,
  { certificate, clientAddress }: TunnelRequest & { readonly certificate: Uint8Array },
): Visitor {
  const { peerAuthorities } = feed.view;
  const peer = identifyCertificate(certificate, peerAuthorities, clock.now(), clientAddress);
  const { identity } = peer;
  if (identity?.kind !== "user" || identity.database === undefined) {
    throw new Fault("unproven", "this needs the certificate of a user for a database");
  }
  return { identity, certificate, clientAddress, route: identity.database };
}

/** A bug of ours is named by a reference, never by what it says. */
function tellable({ logger }: DatabaseContext, error: unknown): Fault {
  if (isFault(error)) return error;
  const reference = uuid();
  logger.error("a database session failed", { error, reference });
  return new Fault("internal", `internal error, reference ${reference}`);
}
