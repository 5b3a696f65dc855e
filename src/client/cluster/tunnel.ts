/**
 * A byte stream to a node's SSH server. Our own proxies give it raw behind one frame each way; any other proxy of the
 * public API gives it inside ProxySSH messages.
 *
 * The opening: a 2-byte big-endian length and JSON `{"target":"host:port","login":…,"cluster":…}`; the answer has the
 * same form, `{"ok":true}` or `{"ok":false,"code":…,"message":…,"hint":…}`; everything after it is the node's.
 */
import type { Duplex } from "node:stream";
import { isFault } from "#base/fault.ts";
import type { DialTarget } from "../access.ts";
import { encodeFrame, readFrame } from "../agent/frame.ts";
import { parseAnswer } from "../agent/protocol.ts";
import { type ClusterAddress, dialCluster, tunnelProtocol } from "./dial.ts";
import { refusal } from "./dial-refusal.ts";
import type { ClientIdentity } from "./identity.ts";

const answerLimit = 65_535;

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
    const request = {
      target: `${target.host}:${target.port}`,
      login: target.login,
      cluster: address.cluster,
    };
    socket.write(encodeFrame(request, 2));
    const answer = await readFrame(socket, 2, answerLimit);
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
