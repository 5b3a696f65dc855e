/** Reads how a client begins. The proxy has ended TLS already, so what asks for TLS here is told to go on without. */
import type { Duplex } from "node:stream";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault } from "#base/fault.ts";
import {
  parseStartup,
  type StartupPacket,
  startupLength,
  startupLengthBytes,
} from "#dbwire/postgres/startup.ts";

const timeoutMs = 30_000;
/** A client asks once for TLS and once for GSSAPI. */
const mostRequests = 2;

/** The packet that begins a session or ends a query. Throws `malformed`, `unavailable` when the client leaves. */
export async function readClientStartup(
  stream: Duplex,
): Promise<Extract<StartupPacket, { kind: "startup" | "cancel" }>> {
  const late = setTimeout(() => stream.destroy(), timeoutMs);
  try {
    for (let requests = 0; requests <= mostRequests; requests++) {
      const length = startupLength(await readBytes(stream, startupLengthBytes));
      const packet = parseStartup(await readBytes(stream, length - startupLengthBytes));
      if (packet.kind === "startup" || packet.kind === "cancel") return packet;
      stream.write("N");
    }
    throw new Fault("malformed", "the client asks for encryption again and again");
  } finally {
    clearTimeout(late);
  }
}
