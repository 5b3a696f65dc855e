/**
 * A byte stream to a node's SSH server. Our own proxies give it raw behind one frame each way; any other proxy of the
 * public API gives it inside ProxySSH messages.
 */
import type { Duplex } from "node:stream";
import { parseAnswer, readOpening, tunnelProtocol, writeOpening } from "#api/tunnel/opening.ts";
import { isFault } from "#base/fault.ts";
import type { DialTarget } from "../access.ts";
import { type ClusterAddress, dialCluster } from "./dial.ts";
import { refusal } from "./dial-refusal.ts";
import type { ClientIdentity } from "./identity.ts";

/** Opens the stream. Throws what the proxy refused with, in the words of `failed connecting to host`. */
export async function dialNode(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  try {
    return await dialTunnel(address, identity, target, signal);
  } catch (error) {
    if (!isFault(error, "unimplemented")) throw error;
  }
  const { dialProxySsh } = await import("./proxy-ssh.ts");
  return dialProxySsh(address, identity, target, signal);
}

/** Through our own protocol. Throws `unimplemented` when the proxy does not speak it. */
export async function dialTunnel(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const socket = await dialCluster(address, [tunnelProtocol], identity, signal);
  try {
    const { host, port, login } = target;
    writeOpening(socket, { target: `${host}:${port}`, login, cluster: address.cluster });
    const answer = await readOpening(socket);
    try {
      parseAnswer(answer);
    } catch (error) {
      throw refusal(target, error);
    }
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
