/** A byte stream to the proxy through a balancer that ends TLS and speaks HTTP: a WebSocket with signs of life. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { longestPayload, WebSocketStream } from "#api/upgrade/web-socket-stream.ts";
import { Fault } from "#base/fault.ts";
import { joinAddress } from "../profile/names.ts";
import { dialWeb } from "../web/dial.ts";
import { extraRoots, readWebPin } from "../web/trust.ts";
import type { ClusterAddress } from "./dial.ts";

const path = "/webapi/connectionupgrade";
const protocol = "alpn-ping";

/**
 * Opens the stream; TLS with the cluster begins inside. The balancer itself is trusted as the web address is: by the
 * system, or as pinned at the login. Throws `unavailable`, `timeout` or `unproven`.
 */
export async function dialUpgraded(
  { host, port }: Pick<ClusterAddress, "host" | "port">,
  folder: string,
  signal?: AbortSignal,
): Promise<Duplex> {
  const { socket } = await dialWeb({
    host,
    port,
    trust: { pinned: readWebPin(folder, host), insecure: false },
    roots: extraRoots(process.env),
    signal,
  });
  const where = joinAddress(host, port);
  const webSocket = new WebSocket(`wss://${where}${path}`, [protocol], {
    createConnection: () => socket,
    maxPayload: longestPayload,
    perMessageDeflate: false,
    handshakeTimeout: 10_000,
  });
  try {
    await once(webSocket, "open", { signal });
  } catch (cause) {
    socket.destroy();
    throw new Fault(
      "unavailable",
      `the proxy behind ${where} gives no stream through its balancer`,
      {
        hint: "let the balancer pass WebSockets to the proxy",
        cause,
      },
    );
  }
  return new WebSocketStream(webSocket);
}
