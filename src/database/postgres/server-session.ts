/**
 * The agent's side of a start-up with a PostgreSQL server (manual 55.2.1, 55.2.10): TLS or nothing, then the name of the
 * user, for which the certificate is the proof. Ends when the server is ready for a query.
 */
import type { TLSSocket } from "node:tls";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault, isFault } from "#base/fault.ts";
import {
  encodeMessage,
  headerBytes,
  parseAuthentication,
  parseError,
  serverTypes,
} from "#dbwire/postgres/messages.ts";
import { encodeSslRequest, encodeStartup } from "#dbwire/postgres/startup.ts";
import { dialServer, type ServerTrust, secureServer, silentServer } from "../server.ts";

/** A server that waits for the first query. Nothing more has been read from its socket. */
export interface ServerSession {
  readonly socket: TLSSocket;
  /** Parameters and notices, as the server sent them. */
  readonly notices: readonly Buffer[];
  /** The server's own key to end a query; empty when it gives none. */
  readonly key: Buffer;
  /** The message that says so. */
  readonly ready: Buffer;
}

const timeoutMs = 15_000;
/** What a server says before it is ready is short. */
const longestGreeting = 64 * 1024;
const mostMessages = 200;

/** Opens TLS with a PostgreSQL server. Throws `unproven` when it has none: nothing is ever said in the open. */
export async function secureSession(trust: ServerTrust): Promise<TLSSocket> {
  const socket = await dialServer(trust.database);
  const late = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    socket.write(encodeSslRequest());
    const answer = (await readBytes(socket, 1)).toString("latin1");
    if (answer !== "S") {
      throw new Fault("unproven", "the database server does not speak TLS", {
        hint: "set ssl = on in its postgresql.conf: docs/databases.md",
      });
    }
    // What came in the open must not count as said inside TLS (CVE-2021-23222).
    if (socket.readableLength > 0) {
      throw new Fault("unproven", "the database server said more than it may before TLS");
    }
    return await secureServer(socket, trust);
  } catch (error) {
    socket.destroy();
    throw isFault(error, "unavailable") ? silentServer(trust.database, error) : error;
  } finally {
    clearTimeout(late);
  }
}

/** Logs in. Throws what the server refused with, in its own words. */
export async function openServer(
  trust: ServerTrust,
  parameters: ReadonlyMap<string, string>,
): Promise<ServerSession> {
  const socket = await secureSession(trust);
  const late = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    socket.write(encodeStartup(parameters));
    return await readGreeting(socket);
  } catch (error) {
    socket.destroy();
    throw isFault(error, "unavailable") ? silentServer(trust.database, error) : error;
  } finally {
    clearTimeout(late);
  }
}

async function readGreeting(socket: TLSSocket): Promise<ServerSession> {
  const notices: Buffer[] = [];
  let key: Buffer = Buffer.alloc(0);
  for (let count = 0; count < mostMessages; count++) {
    const { type, body } = await readMessage(socket);
    switch (type) {
      case serverTypes.authentication:
        assertNoQuestion(parseAuthentication(body));
        break;
      case serverTypes.parameter:
      case serverTypes.notice:
        notices.push(encodeMessage(type, body));
        break;
      case serverTypes.backendKey:
        key = body;
        break;
      case serverTypes.negotiateVersion:
        break;
      case serverTypes.error: {
        const { message, hint } = parseError(body);
        throw new Fault(
          "unproven",
          `the database server refuses: ${message}`,
          hint === undefined ? {} : { hint },
        );
      }
      case serverTypes.ready:
        return { socket, notices, key, ready: encodeMessage(type, body) };
      default:
        throw new Fault("malformed", "the database server begins in a way that is not known");
    }
  }
  throw new Fault("malformed", "the database server does not come to an end of its greeting");
}

async function readMessage(socket: TLSSocket): Promise<{ type: number; body: Buffer }> {
  const header = await readBytes(socket, headerBytes);
  const length = header.readUInt32BE(1);
  if (length < 4 || length > longestGreeting) {
    throw new Fault("malformed", "the database server sent a message of an impossible length");
  }
  const body = length === 4 ? Buffer.alloc(0) : await readBytes(socket, length - 4);
  return { type: header.readUInt8(0), body };
}

/** The certificate is all that the agent has to show. */
function assertNoQuestion(way: number): void {
  if (way === 0) return;
  throw new Fault("unproven", "the database server wants a password", {
    hint: "in its pg_hba.conf, let users come by certificate: hostssl all all all cert",
  });
}
