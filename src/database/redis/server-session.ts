/** The agent's side of a Redis connection: TLS, then the database user, who has no password of their own. */
import type { TLSSocket } from "node:tls";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault, isFault } from "#base/fault.ts";
import { encodeCommand } from "#dbwire/redis/replies.ts";
import { dialServer, type ServerTrust, secureServer, silentServer } from "../server.ts";

const timeoutMs = 15_000;
const longestLine = 1024;

/** Logs in as the user. Throws what the server refused with, in its own words. */
export async function openServer(trust: ServerTrust, user: string): Promise<TLSSocket> {
  const socket = await secureServer(await dialServer(trust.database), trust);
  const late = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    // A user without a password takes any: the certificate is what lets the agent in.
    socket.write(encodeCommand(["AUTH", user, "gatehouse"]));
    const answer = await readLine(socket);
    if (!answer.startsWith("+OK")) {
      throw new Fault("unproven", `the database server refuses: ${answer.slice(1)}`, {
        hint: `let the user in without a password, as in: ACL SETUSER ${user} on nopass ~* +@all`,
      });
    }
    return socket;
  } catch (error) {
    socket.destroy();
    throw isFault(error, "unavailable") ? silentServer(trust.database, error) : error;
  } finally {
    clearTimeout(late);
  }
}

async function readLine(socket: TLSSocket): Promise<string> {
  let line = "";
  while (!line.endsWith("\r\n")) {
    if (line.length > longestLine) {
      throw new Fault("malformed", "the database server begins in a way that is not known");
    }
    line += (await readBytes(socket, 1)).toString("latin1");
  }
  return line.slice(0, -2);
}
