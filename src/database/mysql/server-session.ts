/**
 * The agent's side of a MySQL connection (MySQL source documentation, "Connection Phase"): the greeting, TLS or nothing, and
 * the name of the user, for which the certificate is the proof.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault, isFault } from "#base/fault.ts";
import { encodePacket, headerBytes } from "#dbwire/mysql/packets.ts";
import {
  type Answer,
  capabilities,
  encodeAnswer,
  parseErrorText,
  parseGreeting,
} from "#dbwire/mysql/startup.ts";
import { dialServer, type ServerTrust, secureServer, silentServer } from "../server.ts";

const timeoutMs = 15_000;
const longestPacket = 64 * 1024;
/** Servers switch between ways of authentication a few times at most. */
const mostSwitches = 4;

/** A server that waits for the first command. */
export interface ServerSession {
  readonly socket: TLSSocket;
  readonly serverVersion: string;
  /** The payload with which the server said that all is well. */
  readonly ok: Buffer;
}

/** Logs in as the client wants to. Throws what the server refused with, in its own words. */
export async function openServer(trust: ServerTrust, answer: Answer): Promise<ServerSession> {
  const plain = await dialServer(trust.database);
  const late = setTimeout(() => plain.destroy(), timeoutMs);
  try {
    return await logIn(plain, trust, answer);
  } catch (error) {
    plain.destroy();
    throw isFault(error, "unavailable") ? silentServer(trust.database, error) : error;
  } finally {
    clearTimeout(late);
  }
}

async function logIn(plain: Socket, trust: ServerTrust, answer: Answer): Promise<ServerSession> {
  const { serverVersion, capabilities: served } = parseGreeting((await readPacket(plain)).body);
  if ((served & capabilities.tls) === 0) {
    throw new Fault("unproven", "the database server does not speak TLS", {
      hint: "give it a certificate: docs/databases.md",
    });
  }
  // What shapes results must be the same on both sides of the agent.
  const missing = answer.capabilities & shaping & ~served;
  if (missing !== 0) {
    throw new Fault("unimplemented", "the database server is older than what the client asks for");
  }
  const common = { ...answer, capabilities: answer.capabilities & served };
  plain.write(encodePacket(1, encodeAnswer(common, true)));
  const socket = await secureServer(plain, trust);
  socket.write(encodePacket(2, encodeAnswer(common, false)));
  return { socket, serverVersion, ok: await authenticate(socket) };
}

const shaping = capabilities.deprecateEof | capabilities.sessionTrack | capabilities.protocol41;

async function authenticate(socket: TLSSocket): Promise<Buffer> {
  for (let count = 0; count < mostSwitches; count++) {
    const { sequence, body } = await readPacket(socket);
    switch (body[0]) {
      case 0x00:
        return body;
      case 0xff:
        throw new Fault("unproven", `the database server refuses: ${parseErrorText(body)}`);
      case 0xfe:
      case 0x01:
        // Whatever way it is, a user without a password answers nothing.
        socket.write(encodePacket(sequence + 1, Buffer.alloc(0)));
        break;
      default:
        throw new Fault("malformed", "the database server begins in a way that is not known");
    }
  }
  throw new Fault("unproven", "the database server wants more than a certificate", {
    hint: "let the user come by certificate alone, as in: CREATE USER alice REQUIRE SUBJECT '/CN=alice'",
  });
}

/** One packet of the start. Throws `malformed` for one that is longer than any of those. */
export async function readPacket(stream: Duplex): Promise<{ sequence: number; body: Buffer }> {
  const header = await readBytes(stream, headerBytes);
  const length = header.readUIntLE(0, 3);
  if (length === 0 || length > longestPacket) {
    throw new Fault("malformed", "a packet of an impossible length came");
  }
  return { sequence: header.readUInt8(3), body: await readBytes(stream, length) };
}
