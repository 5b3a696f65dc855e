/**
 * TransportService: byte streams through the proxy to a node (ProxySSH) and to an auth service
 * (ProxyCluster), for the proxy and for clients. Who may dial what, and where it is, is decided by the
 * functions that the proxy passes.
 */

import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Fault, isFault } from "#base/fault.ts";
import {
  type ProxyClusterRequest,
  ProxyClusterRequestSchema,
  type ProxySSHRequest,
  ProxySSHRequestSchema,
  TransportService,
} from "#gen/teleport/transport/v1/service_pb.ts";
import { decodeFrame } from "./frame-codec.ts";
import { FrameStream } from "./frame-stream.ts";
import type { GrpcClient } from "./grpc/client.ts";
import type { ClientCall } from "./grpc/client-call.ts";
import type { MessageChannel } from "./grpc/message-channel.ts";
import { type GrpcServer, pathOf } from "./grpc/server.ts";
import type { CallContext, CallOptions } from "./grpc/service.ts";
import { faultOfStatus } from "./grpc/status.ts";

/** The fields that carry frames, for the client and for the server. */
const sshFields = { fromClient: 2, fromServer: 2 };
const clusterFields = { fromClient: 2, fromServer: 1 };

/**
 * The first answer of ProxySSH: `details`, empty but present. The official tsh 17 panics without it.
 */
const emptyDetails = new Uint8Array([0x0a, 0]);

/** Where a ProxySSH call wants to go. */
export interface SshTarget {
  /** "host:port"; port 0 means any. */
  readonly hostPort: string;
  /** Name of the cluster that the host belongs to. */
  readonly cluster: string;
}

/** How the proxy makes the connections; what these throw becomes the status of the call. */
export interface TransportDialers<Peer> {
  dialSsh(target: SshTarget, context: CallContext<Peer>): Promise<Duplex>;
  dialCluster(cluster: string, context: CallContext<Peer>): Promise<Duplex>;
}

/** Serves the three methods of TransportService on `server`. */
export function registerTransport<Peer>(
  server: GrpcServer<Peer>,
  dialers: TransportDialers<Peer>,
): void {
  const { getClusterDetails: _, proxySSH, proxyCluster } = TransportService.method;
  server.register(TransportService, { getClusterDetails: () => ({ details: {} }) });
  server.registerRaw(proxySSH, async (channel, context) => {
    const first = await readFirst<ProxySSHRequest>(channel, context, (bytes) =>
      fromBinary(ProxySSHRequestSchema, bytes),
    );
    if (!first.dialTarget) throw new Fault("invalid", "the first message must name the target");
    const target = await dialers.dialSsh(first.dialTarget, context);
    await sendDetails(channel, context, target);
    await splice(channel, context, sshFields, target);
  });
  server.registerRaw(proxyCluster, async (channel, context) => {
    const first = await readFirst<ProxyClusterRequest>(channel, context, (bytes) =>
      fromBinary(ProxyClusterRequestSchema, bytes),
    );
    const target = await dialers.dialCluster(first.cluster, context);
    await splice(channel, context, clusterFields, target, first.frame?.payload);
  });
}

/** Opens a stream to a node. Resolves when the proxy has dialed; throws the fault of its refusal. */
export async function openProxySsh(
  client: GrpcClient,
  target: SshTarget,
  options?: CallOptions,
): Promise<Duplex> {
  const call = await client.open(pathOf(TransportService.method.proxySSH), options);
  const request = create(ProxySSHRequestSchema, { dialTarget: target });
  await call.send(toBinary(ProxySSHRequestSchema, request));
  const first = await call.receive();
  if (first === undefined) throw new Fault("unavailable", "the proxy ended the call unanswered");
  return clientStream(call, sshFields, decodeFrame(first, sshFields.fromServer));
}

/** Opens a stream to the auth service of a cluster. TLS runs inside. */
export async function openProxyCluster(
  client: GrpcClient,
  cluster: string,
  options?: CallOptions,
): Promise<Duplex> {
  const call = await client.open(pathOf(TransportService.method.proxyCluster), options);
  const request = create(ProxyClusterRequestSchema, { cluster });
  await call.send(toBinary(ProxyClusterRequestSchema, request));
  return clientStream(call, clusterFields);
}

interface FrameFields {
  readonly fromClient: number;
  readonly fromServer: number;
}

function clientStream(call: ClientCall, fields: FrameFields, early?: Uint8Array): Duplex {
  const stream = new FrameStream({
    channel: call.channel,
    out: fields.fromClient,
    in: fields.fromServer,
    finishSending: () => call.finishSending(),
    failure: async () => {
      const status = await call.status;
      return status.code === 0 ? undefined : faultOfStatus(status);
    },
    cancel: (error) => call.cancel(isFault(error) ? error : undefined),
  });
  if (early?.length) stream.push(early);
  return stream;
}

/** Joins the call and the target until either ends; an end of the target ends the call well. */
async function splice(
  channel: MessageChannel,
  context: CallContext<unknown>,
  fields: FrameFields,
  target: Duplex,
  early?: Uint8Array,
): Promise<void> {
  const stream = new FrameStream({
    channel,
    out: fields.fromServer,
    in: fields.fromClient,
    finishSending: () => {},
    failure: async () => (context.signal.aborted ? context.signal.reason : undefined),
    cancel: () => {},
  });
  if (early?.length) stream.push(early);
  const outward = pipeline(stream, target, { signal: context.signal });
  const inward = pipeline(target, stream, { signal: context.signal });
  outward.catch(() => {});
  try {
    await inward;
  } catch (cause) {
    if (isFault(cause) || context.signal.aborted) throw context.signal.reason ?? cause;
    throw new Fault("unavailable", "the connection behind the proxy was lost", { cause });
  } finally {
    target.destroy();
    stream.destroy();
  }
}

async function sendDetails(
  channel: MessageChannel,
  context: CallContext<unknown>,
  target: Duplex,
): Promise<void> {
  try {
    await channel.send(emptyDetails, context.signal);
  } catch (error) {
    target.destroy();
    throw error;
  }
}

async function readFirst<T>(
  channel: MessageChannel,
  context: CallContext<unknown>,
  parse: (bytes: Uint8Array) => T,
): Promise<T> {
  const bytes = await channel.receive(context.signal);
  if (bytes === undefined) throw new Fault("invalid", "the call carries no request");
  try {
    return parse(bytes);
  } catch (cause) {
    throw new Fault("internal", "the request is malformed", { cause });
  }
}
