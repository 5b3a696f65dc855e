/**
 * A byte stream to a node's SSH server. Our own proxies give it raw behind one frame each way; any other proxy of the
 * public API gives it inside ProxySSH messages.
 *
 * The opening: a 2-byte big-endian length and JSON `{"target":"host:port","login":…,"cluster":…}`; the answer has the
 * same form, `{"ok":true}` or `{"ok":false,"code":…,"message":…,"hint":…}`; everything after it is the node's.
 */
import { Duplex } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GrpcClient } from "#api/grpc/client.ts";
import type { ClientCall } from "#api/grpc/client-call.ts";
import { Fault, type FaultCode, isFault, messageOf } from "#base/fault.ts";
import {
  ProxySSHRequestSchema,
  ProxySSHResponseSchema,
} from "#gen/teleport/transport/v1/service_pb.ts";
import type { DialTarget } from "../access.ts";
import { encodeFrame, readFrame } from "../agent/frame.ts";
import { parseAnswer } from "../agent/protocol.ts";
import { type ClusterAddress, dialCluster, transportProtocol, tunnelProtocol } from "./dial.ts";
import type { ClientIdentity } from "./identity.ts";

const answerLimit = 65_535;
const proxySshPath = "/teleport.transport.v1.TransportService/ProxySSH";

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

/** Through the transport service of the public API. */
export async function dialProxySsh(
  address: ClusterAddress,
  identity: ClientIdentity["tls"],
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const client = new GrpcClient(() =>
    dialCluster(address, [transportProtocol, "h2"], identity, signal),
  );
  try {
    const call = await client.open(proxySshPath);
    await call.send(
      encodeRequest({
        dialTarget: { hostPort: `${target.host}:${target.port}`, cluster: address.cluster },
      }),
    );
    const first = await call.receive().catch((error: unknown) => {
      throw refusal(target, error);
    });
    if (first === undefined) throw new Fault("unavailable", "the proxy closed the stream");
    return new ProxySshStream(client, call, first);
  } catch (error) {
    await client.close();
    throw error;
  }
}

type RequestFields = Parameters<typeof create<typeof ProxySSHRequestSchema>>[1];

function encodeRequest(fields: RequestFields): Uint8Array {
  return toBinary(ProxySSHRequestSchema, create(ProxySSHRequestSchema, fields));
}

/** The bytes inside the `ssh` frames of a ProxySSH call. */
class ProxySshStream extends Duplex {
  readonly #client: GrpcClient;
  readonly #call: ClientCall;
  #first: Uint8Array | undefined;

  constructor(client: GrpcClient, call: ClientCall, first: Uint8Array) {
    super({ allowHalfOpen: true });
    this.#client = client;
    this.#call = call;
    this.#first = first;
  }

  override _read(): void {
    void this.#next().then(
      (bytes) => this.push(bytes),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    const message = encodeRequest({ frame: { case: "ssh", value: { payload: chunk } } });
    this.#call.send(message).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#call.finishSending();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#call.cancel();
    void this.#client.close().finally(() => done(error));
  }

  /** The next payload that is not empty, or null at the end. */
  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const message = this.#first ?? (await this.#call.receive());
      this.#first = undefined;
      if (message === undefined) return null;
      const { frame } = fromBinary(ProxySSHResponseSchema, message);
      if (frame.case === "ssh" && frame.value.payload.length > 0) return frame.value.payload;
    }
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
