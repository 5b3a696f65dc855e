/**
 * The connections that the proxy brings. Which version of HTTP a client speaks was settled in its TLS, which the proxy
 * ended; here the first bytes tell: HTTP/2 begins with a preface that is no request of HTTP/1.1 (RFC 9113 section 3.4).
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { performServerHandshake, type ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { TunnelRequest } from "#api/tunnel/stream.ts";
import type { Closable } from "#base/lifecycle.ts";
import { type Caller, readCaller } from "./caller.ts";
import type { KubeContext } from "./context.ts";
import { exchangeOverHttp1, exchangeOverHttp2 } from "./exchange.ts";
import { serveRequest } from "./serve-request.ts";
import { serveUpgrade } from "./serve-upgrade.ts";

const limits = {
  /** Until the first bytes, and for the head of a request. */
  headMs: 10_000,
  /** For a whole request with its body. */
  requestMs: 300_000,
  /** A connection that nobody uses; clients keep theirs for a minute and a half. */
  idleMs: 180_000,
  headerBytes: 64 * 1024,
  streams: 250,
} as const;

/** Serves connections until closed. */
export class KubeConnections implements Closable {
  readonly #context: KubeContext;
  readonly #open = new Set<Duplex>();
  readonly #callers = new WeakMap<object, Caller>();
  readonly #http1: Server;

  constructor(context: KubeContext) {
    this.#context = context;
    this.#http1 = createServer({
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      maxHeaderSize: limits.headerBytes,
    });
    this.#http1.on("request", (request, response) => {
      void serveRequest(context, this.#callerOf(request), exchangeOverHttp1(request, response));
    });
    this.#http1.on("upgrade", (request, socket, head) => {
      void serveUpgrade(context, this.#callerOf(request), { request, socket, head });
    });
    // A server that never listens does not enforce its time-outs unless it believes that it does.
    this.#http1.emit("listening");
  }

  /** Serves a person on a stream. */
  accept(stream: Duplex, { certificate, clientAddress }: TunnelRequest): void {
    stream.on("error", () => stream.destroy());
    if (certificate === undefined) {
      stream.destroy();
      return;
    }
    const caller = readCaller(this.#context, certificate, clientAddress);
    this.#open.add(stream);
    const late = setTimeout(() => stream.destroy(), limits.headMs);
    stream.once("close", () => {
      clearTimeout(late);
      this.#open.delete(stream);
      caller.device?.release();
    });
    const look = () => {
      const first = stream.read() as Buffer | null;
      if (first === null) {
        stream.once("readable", look);
        return;
      }
      clearTimeout(late);
      stream.unshift(first);
      if (first.subarray(0, 3).toString("latin1") === "PRI") this.#serveHttp2(stream, caller);
      else this.#serveHttp1(stream, caller);
    };
    look();
  }

  async close(): Promise<void> {
    this.#http1.closeAllConnections();
    for (const stream of this.#open) stream.destroy();
  }

  #serveHttp1(stream: Duplex, caller: Caller): void {
    this.#callers.set(stream, caller);
    this.#http1.emit("connection", stream);
  }

  #serveHttp2(stream: Duplex, caller: Caller): void {
    const session: ServerHttp2Session = performServerHandshake(stream, {
      settings: { maxConcurrentStreams: limits.streams },
      maxSessionMemory: 32,
    });
    session.on("error", () => stream.destroy());
    session.setTimeout(limits.idleMs, () => session.close());
    session.on("stream", (exchange, _headers, _flags, raw) => {
      exchange.on("error", () => {});
      void serveRequest(this.#context, caller, exchangeOverHttp2(exchange, raw));
    });
  }

  #callerOf({ socket }: IncomingMessage): Caller {
    return this.#callers.get(socket) ?? { person: undefined, device: undefined };
  }
}
