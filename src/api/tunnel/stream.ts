/**
 * The agent tunnel's streams: one TLS connection that the agent opened, HTTP/2 on it with the *proxy* as the client,
 * and one CONNECT stream (RFC 9113 section 8.5) for each connection that the proxy brings. HTTP/2 gives us flow control
 * and multiplexing; the bytes inside a stream are the service's own protocol.
 */
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import { base64 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";

/** ALPN name under which agents dial the proxy. */
export const agentProtocol = "gatehouse-agent";

/** What an agent may serve. */
export type TunnelService = "ssh" | "db" | "kube";

/** What the proxy says about a connection that it brings to an agent. */
export interface TunnelRequest {
  readonly service: TunnelService;
  /** Address of the person's end, for audit and source-address checks. */
  readonly clientAddress: string;
  /**
   * The certificate (DER) whose key the person's end of the TLS connection proved to hold, where the proxy ended that
   * connection. The agent verifies the certificate itself, and believes the proxy only about the proof.
   */
  readonly certificate?: Uint8Array;
}

/** Takes a stream that the proxy brings. */
export type AcceptStream = (stream: Duplex, request: TunnelRequest) => void;

const streamWindow = 8 << 20;
const sessionWindow = 16 << 20;
const settings = { initialWindowSize: streamWindow, maxConcurrentStreams: 100_000 };
const pingEveryMs = 15_000;
const pingAnswerMs = 10_000;
/** A living agent answers before it does anything else; a silent one is passed over. */
const openMs = 5000;
const headers = {
  service: "gatehouse-service",
  client: "gatehouse-client-address",
  certificate: "gatehouse-client-certificate",
} as const;
const services: readonly string[] = ["ssh", "db", "kube"] satisfies TunnelService[];

/** The proxy's end of a tunnel. */
export class TunnelDialer {
  readonly #session: ClientHttp2Session;
  /** Resolves when the tunnel is gone, for whatever reason. */
  readonly closed: Promise<void>;

  /** Takes over an authenticated socket from which nothing has been read. */
  constructor(socket: Duplex) {
    this.#session = connect("http://agent", { createConnection: () => socket, settings });
    this.#session.on("connect", () => this.#session.setLocalWindowSize(sessionWindow));
    this.#session.on("error", () => socket.destroy());
    this.closed = new Promise((resolve) => this.#session.once("close", () => resolve()));
    keepAlive(this.#session);
  }

  /** Opens a stream to the agent. Throws `unavailable` when the tunnel is gone or the agent refuses. */
  open(request: TunnelRequest): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const refused = (cause?: unknown) =>
        reject(new Fault("unavailable", "the agent is offline or does not answer", { cause }));
      if (this.#session.closed || this.#session.destroyed) return refused();
      const { service, clientAddress, certificate } = request;
      const stream = this.#session.request({
        ":method": "CONNECT",
        ":authority": "agent",
        [headers.service]: service,
        [headers.client]: clientAddress,
        ...(certificate && { [headers.certificate]: base64(certificate) }),
      });
      const late = setTimeout(() => stream.destroy(), openMs);
      stream.once("close", () => clearTimeout(late));
      stream.once("error", refused);
      stream.once("close", refused);
      stream.once("response", (answer) => {
        clearTimeout(late);
        if (answer[":status"] !== 200) return stream.close();
        stream.off("error", refused);
        stream.off("close", refused);
        stream.on("error", () => {});
        return resolve(stream);
      });
    });
  }

  /** Ends the tunnel and every stream in it. */
  close(): void {
    this.#session.destroy();
  }
}

/** Serves the agent's end of a tunnel on a connected `socket`; resolves when the tunnel is gone. */
export function serveTunnel(socket: Duplex, accept: AcceptStream): Promise<void> {
  const server = createServer({ settings });
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    server.on("sessionError", () => socket.destroy());
    server.on("session", (session) => {
      session.setLocalWindowSize(sessionWindow);
      session.on("error", () => socket.destroy());
      keepAlive(session);
    });
    server.on("stream", (stream: ServerHttp2Stream, received: IncomingHttpHeaders) => {
      stream.on("error", () => {});
      const service = String(received[headers.service] ?? "");
      if (received[":method"] !== "CONNECT" || !isService(service)) {
        stream.respond({ ":status": 400 }, { endStream: true });
        return;
      }
      stream.respond({ ":status": 200 });
      const certificate = received[headers.certificate];
      accept(stream, {
        service,
        clientAddress: String(received[headers.client] ?? ""),
        ...(typeof certificate === "string" && { certificate: Buffer.from(certificate, "base64") }),
      });
    });
    server.emit("connection", socket);
  });
}

function isService(word: string): word is TunnelService {
  return services.includes(word);
}

/** Pings, and ends a session whose peer stopped answering: a half-open tunnel must not look alive. */
function keepAlive(session: ClientHttp2Session | ServerHttp2Session): void {
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    const late = setTimeout(() => session.destroy(), pingAnswerMs);
    late.unref();
    const sent = session.ping((error) => {
      clearTimeout(late);
      if (error) session.destroy();
    });
    if (!sent) clearTimeout(late);
  }, pingEveryMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

/** Copies both ways between two byte streams until both directions ended; an error on one side ends the other. */
export function splice(a: Duplex | Http2Stream, b: Duplex | Http2Stream): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const ended = () => {
      open--;
      if (open === 0) resolve();
    };
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on("error", () => to.destroy());
      from.once("close", () => {
        if (!to.writableEnded) to.destroy();
        ended();
      });
      passOn(from, to);
    }
  });
}

/** As `pipe` does, but what comes in one turn goes on in one write: TLS gives its records, of 16 KiB each, one by one. */
function passOn(from: Duplex, to: Duplex): void {
  let gathering = false;
  const send = () => {
    gathering = false;
    to.uncork();
  };
  from.on("data", (chunk: Uint8Array) => {
    if (!gathering) {
      gathering = true;
      to.cork();
      setImmediate(send);
    }
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.once("end", () => to.end());
  from.resume();
}
