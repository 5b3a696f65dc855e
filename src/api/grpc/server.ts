/**
 * A gRPC server without a socket of its own (gRPC over HTTP/2): it is handed connections that somebody else
 * accepted and authenticated, together with what is known of the peer. TLS, ports and identities are not its
 * business; sizes, deadlines, cancellation and statuses are.
 */

import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import { type Logger, silentLogger } from "#base/log.ts";
import { type Runner, runnerOf } from "./dispatch.ts";
import { keepAlive } from "./keep-alive.ts";
import * as limits from "./limits.ts";
import { ServerCall } from "./server-call.ts";
import type { CallContext, RawHandler, ServiceHandlers } from "./service.ts";
import { ok, type Status, statusOf } from "./status.ts";

/** How long a closing server waits for peers to take the last statuses. */
const closeGraceMs = 1000;

/** What a server may be told. */
export interface GrpcServerOptions<Peer> {
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Runs before every call; what it throws ends the call. The place to check expiry and locks again. */
  readonly intercept?: (context: CallContext<Peer>) => Promise<void> | void;
  /** Hears how every call ends, before the caller does, and gives what that is told: the status, perhaps with a further hint. */
  readonly conclude?: (context: CallContext<Peer>, status: Status) => Promise<Status> | Status;
}

/** An open connection and what is known of its peer. */
export interface GrpcConnection<Peer> {
  readonly peer: Peer;
  /** Calls that are open on it now. */
  readonly calls: number;
  /** Ends all its calls with the fault, then the connection. */
  close(reason: Fault): void;
}

/** Serves registered methods on the connections that it is given. */
export class GrpcServer<Peer> implements Closable {
  readonly #runners = new Map<string, Runner<Peer>>();
  readonly #connections = new Set<Connection<Peer>>();
  readonly #options: GrpcServerOptions<Peer>;
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  constructor(options: GrpcServerOptions<Peer> = {}) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
  }

  /** Serves the methods of a service that `handlers` names. May be called again for further methods. */
  register<S extends DescService>(service: S, handlers: ServiceHandlers<S, Peer>): void {
    for (const [name, handler] of Object.entries(handlers)) {
      const method: DescMethod | undefined = service.method[name];
      if (!method || !handler) throw new Fault("internal", `${service.typeName} has no ${name}`);
      this.#add(pathOf(method), runnerOf(method, handler as never));
    }
  }

  /** Serves one method as undecoded messages. */
  registerRaw(method: DescMethod, handler: RawHandler<Peer>): void {
    this.#add(pathOf(method), async (call) => {
      call.sendHeaders();
      await handler(call.channel, call);
    });
  }

  /**
   * Takes over a connected stream: a TLS socket after its handshake, or one end of an in-memory pair. Nothing
   * may have read from it. `peer` is passed to every handler.
   */
  accept(socket: Duplex, peer: Peer): GrpcConnection<Peer> {
    const connection = new Connection(socket, peer, this.#log, (call) => this.#serve(call));
    this.#connections.add(connection);
    connection.session.once("close", () => this.#connections.delete(connection));
    if (this.#closing !== undefined) connection.close(shuttingDown());
    return connection;
  }

  /** The open connections. */
  get connections(): ReadonlySet<GrpcConnection<Peer>> {
    return this.#connections;
  }

  /** Ends all calls as unavailable, then all connections. */
  close(): Promise<void> {
    this.#closing ??= Promise.all(
      [...this.#connections].map(async (connection) => {
        connection.close(shuttingDown());
        await connection.closed;
      }),
    ).then(() => {});
    return this.#closing;
  }

  #add(path: string, runner: Runner<Peer>): void {
    if (this.#runners.has(path)) throw new Fault("internal", `${path} is registered twice`);
    this.#runners.set(path, runner);
  }

  async #serve(call: ServerCall<Peer>): Promise<void> {
    let status = ok;
    try {
      const now = (this.#options.clock ?? systemClock).now();
      call.startDeadline(now, () => this.#expire(call));
      const runner = this.#runners.get(call.path);
      if (!runner) throw new Fault("unimplemented", unknownPath(call.path));
      await this.#options.intercept?.(call);
      await runner(call);
    } catch (error) {
      status = statusOf(error, this.#log);
    }
    if (call.finished) return;
    this.#finish(call, (await this.#options.conclude?.(call, status)) ?? status);
  }

  #expire(call: ServerCall<Peer>): void {
    const fault = new Fault("timeout", "the deadline of the call has passed");
    this.#finish(call, statusOf(fault, this.#log));
    call.cancel(fault);
  }

  #finish(call: ServerCall<Peer>, status: Status): void {
    this.#log.debug("call", { path: call.path, status: status.code });
    call.finish(status);
  }
}

/** One HTTP/2 session and its open calls. */
class Connection<Peer> implements GrpcConnection<Peer> {
  readonly peer: Peer;
  readonly session: ServerHttp2Session;
  readonly closed: Promise<void>;
  readonly #calls = new Set<ServerCall<Peer>>();
  readonly #budget = { unread: 0 };
  readonly #serve: (call: ServerCall<Peer>) => Promise<void>;
  readonly #log: Logger;
  readonly #socket: Duplex;

  constructor(
    socket: Duplex,
    peer: Peer,
    log: Logger,
    serve: (call: ServerCall<Peer>) => Promise<void>,
  ) {
    this.peer = peer;
    this.#socket = socket;
    this.#serve = serve;
    this.#log = log;
    socket.on("error", (error) => log.debug("connection failed", { error }));
    this.session = performServerHandshake(socket, {
      maxSessionMemory: limits.sessionMemoryMegabytes,
      maxSendHeaderBlockLength: limits.maxHeaderBytes,
      settings: {
        enablePush: false,
        initialWindowSize: limits.streamWindowBytes,
        maxConcurrentStreams: limits.maxConcurrentStreams,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
    });
    this.closed = new Promise((resolve) => this.session.once("close", () => resolve()));
    // A Go client's orderly goodbye makes nghttp2 report a protocol error: nothing is wrong.
    this.session.on("error", (error) => log.debug("HTTP/2 session failed", { error }));
    this.session.on("stream", (stream, headers) => this.#open(stream, headers));
    this.session.setLocalWindowSize(limits.sessionWindowBytes);
    keepAlive(this.session);
  }

  get calls(): number {
    return this.#calls.size;
  }

  close(reason: Fault): void {
    const status = statusOf(reason, this.#log);
    for (const call of this.#calls) {
      call.finish(status);
      call.cancel(reason);
    }
    if (this.session.destroyed) return;
    this.session.close();
    // The session only ends its half; a peer that never ends its own must not keep the socket.
    setTimeout(() => {
      this.session.destroy();
      this.#socket.destroy();
    }, closeGraceMs).unref();
  }

  #open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", (error) => this.#log.debug("HTTP/2 stream failed", { error }));
    const refusal = refusalOf(headers);
    if (refusal !== undefined) {
      stream.respond({ ":status": refusal }, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const call = new ServerCall(stream, headers, this.peer, this.#budget);
    this.#calls.add(call);
    stream.once("close", () => this.#calls.delete(call));
    void this.#serve(call);
  }
}

/** The HTTP status for a request that is no gRPC call at all. */
function refusalOf(headers: IncomingHttpHeaders): number | undefined {
  if (headers[":method"] !== "POST") return 405;
  const type = headers["content-type"] ?? "";
  return /^application\/grpc(\+proto)?(;|$)/.test(type) ? undefined : 415;
}

/** The path of a method, as in "/proto.AuthService/Ping". */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function unknownPath(path: string): string {
  const [, service = "", method = ""] = path.slice(0, 200).split("/");
  return `unknown method ${method} for service ${service}`;
}

function shuttingDown(): Fault {
  return new Fault("unavailable", "the service is shutting down");
}
