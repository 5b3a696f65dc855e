/**
 * Is there a balancer between us and the proxy that ends TLS? It knows none of the proxy's protocols, so a probe that
 * offers one of them learns it (public API: ALPN `teleport-reversetunnel`).
 */
import { errorCode } from "../profile/files.ts";
import { dialWeb, type WebOptions } from "./dial.ts";

const probeProtocol = "teleport-reversetunnel";

/**
 * True when connections must go through `/webapi/connectionupgrade`. `TELEPORT_TLS_ROUTING_CONN_UPGRADE=true` or `false`
 * answers instead of the probe. What cannot be found out counts as no.
 */
export async function isBalanced(options: WebOptions, env: NodeJS.ProcessEnv): Promise<boolean> {
  const forced = (env["TELEPORT_TLS_ROUTING_CONN_UPGRADE"] ?? "").toLowerCase();
  if (/^(?:true|yes|on|1)$/u.test(forced)) return true;
  if (forced !== "") return false;
  try {
    const { socket } = await dialWeb(options, probeProtocol);
    socket.on("error", () => {});
    socket.destroy();
    return typeof socket.alpnProtocol !== "string";
  } catch (error) {
    return (errorCode(error) ?? "").includes("NO_APPLICATION_PROTOCOL");
  }
}
