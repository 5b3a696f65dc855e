/**
 * A gRPC client over connections that somebody else makes (gRPC over HTTP/2): a TLS socket, or one end of an
 * in-memory pair. Connects when the first call needs it and again after the connection is lost; calls are
 * never repeated.
 */

import { type ClientHttp2Session, connect } from "node:http2";
import type { Duplex } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import { type Logger, silentLogger } from "#base/log.ts";
import { ClientCall } from "./client-call.ts";
import { decode, encode, iterate } from "./dispatch.ts";
import { keepAlive } from "./keep-alive.ts";
import * as limits from "./limits.ts";
import { pathOf } from "./server.ts";
import type { BidiCall, CallOptions, ClientMethods } from "./service.ts";
import { faultOfStatus } from "./status.ts";

/** What a client may be told. */
export interface GrpcClientOptions {
  readonly log?: Logger;
  /** Value of `:authority`; servers of this product ignore it. */
  readonly authority?: string;
  /** Sent with every call. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Deadline of unary calls that set none, in milliseconds; zero for none. */
  readonly timeoutMs?: number;
  /** Zero switches the probes of an idle connection off. */
  readonly keepAliveMs?: number;
}

/** Makes calls over one connection at a time. */
export class GrpcClient implements Closable {
  readonly #connect: () => Promise<Duplex>;
  readonly #options: GrpcClientOptions;
  readonly #log: Logger;
  #session: Promise<ClientHttp2Session> | undefined;
  #closed = false;

  /** `connect` gives a fresh connected stream each time; what it throws reaches the caller. */
  constructor(connect: () => Promise<Duplex>, options: GrpcClientOptions = {}) {
    this.#connect = connect;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
  }

  /** Opens a call of undecoded messages: the ground of the typed methods, and of tunnels. */
  async open(path: string, options: CallOptions = {}): Promise<ClientCall> {
    options.signal?.throwIfAborted();
    const session = await this.#ready();
    const metadata = { ...this.#options.metadata, ...options.metadata };
    return new ClientCall(session, path, { ...options, metadata });
  }

  /** Opens the connection if there is none. Throws `unavailable` when that fails. */
  async ready(): Promise<void> {
    await this.#ready();
  }

  /** Closes the connection; open calls end as unavailable. Later calls throw `unavailable`. */
  async close(): Promise<void> {
    this.#closed = true;
    const session = await this.#session?.catch(() => undefined);
    if (!session || session.destroyed) return;
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
    session.destroy();
    await closed;
  }

  /** Default deadline for a unary call. */
  unaryOptions(options: CallOptions = {}): CallOptions {
    return { ...options, timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? 60_000 };
  }

  async #ready(): Promise<ClientHttp2Session> {
    for (;;) {
      if (this.#closed) throw new Fault("unavailable", "the client is closed");
      // Whoever comes first after a loss connects; the others wait for the same connection.
      this.#session ??= this.#dial();
      const pending = this.#session;
      const session = await pending;
      if (!session.closed && !session.destroyed) return session;
      if (this.#session === pending) this.#session = undefined;
    }
  }

  async #dial(): Promise<ClientHttp2Session> {
    try {
      const socket = await this.#connect();
      socket.on("error", (error) => this.#log.debug("connection failed", { error }));
      return this.#start(socket);
    } catch (error) {
      this.#session = undefined;
      if (isFault(error)) throw error;
      throw new Fault("unavailable", `cannot connect: ${messageOf(error)}`, { cause: error });
    }
  }

  #start(socket: Duplex): ClientHttp2Session {
    const session = connect(`http://${this.#options.authority ?? "auth"}`, {
      createConnection: () => socket,
      maxSessionMemory: limits.sessionMemoryMegabytes,
      settings: { enablePush: false, initialWindowSize: limits.streamWindowBytes },
    });
    session.on("error", (error) => this.#log.debug("HTTP/2 session failed", { error }));
    session.once("close", () => socket.destroy());
    session.setLocalWindowSize(limits.sessionWindowBytes);
    keepAlive(session, this.#options.keepAliveMs);
    return session;
  }
}

/** The typed client of a service. */
export type Client<S extends DescService> = {
  readonly [K in keyof S["method"]]: ClientMethods<
    S["method"][K]["input"],
    S["method"][K]["output"]
  >[S["method"][K]["methodKind"]];
};

/** Typed methods for `service`, over `client`. */
export function createClient<S extends DescService>(service: S, client: GrpcClient): Client<S> {
  const methods: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.method)) {
    methods[name] = makers[method.methodKind](client, method);
  }
  return methods as Client<S>;
}

type Request = MessageInitShape<DescMessage>;
type Answer = MessageShape<DescMessage>;

const makers = {
  unary:
    (client: GrpcClient, method: DescMethod) => async (request: Request, options?: CallOptions) => {
      const call = await client.open(pathOf(method), client.unaryOptions(options));
      await sendAll(call, method, [request]);
      return receiveOnly(call, method);
    },
  server_streaming:
    (client: GrpcClient, method: DescMethod) => (request: Request, options?: CallOptions) =>
      serverStream(client, method, request, options),
  client_streaming:
    (client: GrpcClient, method: DescMethod) =>
    async (requests: AsyncIterable<Request>, options?: CallOptions) => {
      const call = await client.open(pathOf(method), options);
      await sendAll(call, method, requests);
      return receiveOnly(call, method);
    },
  bidi_streaming: (client: GrpcClient, method: DescMethod) => async (options?: CallOptions) =>
    bidiOf(await client.open(pathOf(method), options), method),
} as const;

/** Sends everything. A peer that has ended the call already is not an error here: the status tells. */
async function sendAll(
  call: ClientCall,
  method: DescMethod,
  requests: Iterable<Request> | AsyncIterable<Request>,
): Promise<void> {
  for await (const request of requests) {
    if (call.channel.ended) break;
    await call.send(encode(method.input, request));
  }
  call.finishSending();
}

async function receiveOnly(call: ClientCall, method: DescMethod): Promise<Answer> {
  const bytes = await call.receive();
  const status = await call.status;
  if (status.code !== 0) throw faultOfStatus(status);
  if (bytes === undefined) throw new Fault("internal", "the peer answered nothing");
  return decode(method.output, bytes);
}

async function* serverStream(
  client: GrpcClient,
  method: DescMethod,
  request: Request,
  options?: CallOptions,
): AsyncGenerator<Answer> {
  const call = await client.open(pathOf(method), options);
  try {
    await sendAll(call, method, [request]);
    yield* iterate(async () => {
      const bytes = await call.receive();
      return bytes && decode(method.output, bytes);
    });
  } finally {
    call.cancel();
  }
}

function bidiOf(call: ClientCall, method: DescMethod): BidiCall<Request, Answer> {
  const receive = async () => {
    const bytes = await call.receive();
    return bytes && decode(method.output, bytes);
  };
  return {
    receive,
    send: (message) => call.send(encode(method.input, create(method.input, message))),
    finishSending: () => call.finishSending(),
    cancel: () => call.cancel(),
    async *[Symbol.asyncIterator]() {
      try {
        yield* iterate(receive);
      } finally {
        call.cancel();
      }
    },
  };
}
