/**
 * A byte stream to a node's SSH server. Our own proxies give it raw behind one frame each way; any other proxy of the
 * public API gives it inside ProxySSH messages.
 *
 * The opening: a 2-byte big-endian length and JSON `{"target":"host:port","login":…,"cluster":…}`; the answer has the
 * same form, `{"ok":true}` or `{"ok":false,"code":…,"message":…,"hint":…}`; everything after it is the node's.
 */
import type { Duplex } from "node:stream";
import { GrpcClient } from "#api/grpc/client.ts";
import { openProxySsh } from "#api/transport.ts";
import { Fault, type FaultCode, isFault, messageOf } from "#base/fault.ts";
import type { DialTarget } from "../access.ts";
import { encodeFrame, readFrame } from "../agent/frame.ts";
import { parseAnswer } from "../agent/protocol.ts";
import { type ClusterAddress, dialCluster, transportProtocol, tunnelProtocol } from "./dial.ts";
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

/** Through the transport service of the public API. The connection lives as long as the stream. */
export async function dialProxySsh(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const client = new GrpcClient(() =>
    dialCluster(address, [transportProtocol, "h2"], identity, signal),
  );
  const hostPort = `${target.host}:${target.port}`;
  try {
    const stream = await openProxySsh(client, { hostPort, cluster: address.cluster });
    stream.once("close", () => void client.close());
    return stream;
  } catch (error) {
    await client.close();
    throw isFault(error, "unimplemented") ? error : refusal(target, error);
  }
}

/** A refusal of the proxy in the words that every client of this API prints. */
function refusal(target: DialTarget, error: unknown): Fault {
  const code: FaultCode = isFault(error) ? error.code : "unavailable";
  const hint = isFault(error) ? error.hint : undefined;
  return new Fault(
    code,
    `failed connecting to host ${target.host}:${target.port}: ${messageOf(error)}`,
    { ...(hint === undefined ? {} : { hint }), cause: error },
  );
}
