/**
 * How PostgreSQL begins at the proxy (manual 55.2.10): what asks for TLS gets it, and the packet after that is left in the
 * stream for the agent. A wish to end a query goes to the agents that may have made its key.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault } from "#base/fault.ts";
import { mayBeKeyOf } from "#dbwire/postgres/cancel-key.ts";
import { encodeFatalOf } from "#dbwire/postgres/refusal.ts";
import {
  encodeCancel,
  parseStartup,
  startupLength,
  startupLengthBytes,
} from "#dbwire/postgres/startup.ts";
import type { Dialer } from "../dialer.ts";
import type { DatabaseProtocolDoor } from "./databases.ts";

/** A client asks once for TLS and once for GSSAPI. */
const mostRequests = 2;

/** PostgreSQL at the door. */
export const postgresDoor: DatabaseProtocolDoor = {
  async open(outer, { secure, identified }) {
    let stream: Duplex = outer;
    let inner: TLSSocket | undefined;
    for (let requests = 0; requests <= mostRequests; requests++) {
      const field = await readBytes(stream, startupLengthBytes);
      const body = await readBytes(stream, startupLength(field) - startupLengthBytes);
      const packet = parseStartup(body);
      if (packet.kind === "ssl" && inner === undefined && !identified) {
        inner = await acceptTls(stream, secure);
        stream = inner;
      } else if (packet.kind === "ssl" || packet.kind === "gssenc") {
        stream.write("N");
      } else if (packet.kind === "cancel") {
        return {
          stream,
          inner,
          instead: (dialer, clientAddress) => cancelQuery(dialer, packet.key, clientAddress),
        };
      } else {
        stream.unshift(Buffer.concat([field, body]));
        return { stream, inner };
      }
    }
    throw new Fault("malformed", "the client asks for encryption again and again");
  },
  refusal: encodeFatalOf,
};

/** What came in the open must not count as said inside TLS (CVE-2021-23222). */
function acceptTls(
  stream: Duplex,
  secure: (stream: Duplex) => Promise<TLSSocket>,
): Promise<TLSSocket> {
  if (stream.readableLength > 0) {
    throw new Fault("malformed", "the client said more than it may before TLS");
  }
  stream.write("S");
  return secure(stream);
}

async function cancelQuery(dialer: Dialer, key: Buffer, clientAddress: string): Promise<void> {
  const wanted = (hostId: string) => mayBeKeyOf(hostId, key);
  const request = { service: "db", clientAddress } as const;
  const agents = await dialer.openAgents("db_server", wanted, request);
  const answers = agents.map(
    (agent) =>
      new Promise<void>((resolve) => {
        agent.once("close", () => resolve());
        agent.on("error", () => {});
        agent.resume();
        agent.end(encodeCancel(key));
      }),
  );
  await Promise.all(answers);
}
