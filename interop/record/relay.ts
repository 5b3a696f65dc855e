/**
 * A relay on loopback between a client and a proxy of ours that notes what both say. It ends the client's TLS with a
 * certificate of its own (the client runs with --insecure) and opens its own TLS to the proxy with the client's
 * certificate and the client's key, which it may read because the client's computer is a folder of the script.
 */
import {
  createServer as createWebServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { routeOf } from "#proxy/routes.ts";
import { MessageCutter } from "./message-cutter.ts";

/** A request over HTTP/1.1 as it was. */
export interface CapturedHttp {
  readonly kind: "http";
  readonly door: "web" | "auth";
  readonly method: string;
  readonly path: string;
  request: Buffer;
  status: number;
  answer: Buffer;
}

/** A call as it was: messages in the order in which the relay saw them. */
export interface CapturedCall {
  readonly kind: "grpc";
  readonly door: "auth" | "transport";
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly messages: { readonly from: "client" | "server"; readonly bytes: Uint8Array }[];
  status: number | undefined;
  text: string;
}

/** What the relay noted. */
export type Captured = CapturedHttp | CapturedCall;

/** PEM. */
export interface KeyPair {
  readonly key: string;
  readonly certificate: string;
}

/** What a relay works with. */
export interface RelayOptions {
  /** The port of the proxy. */
  readonly upstream: number;
  /** Shown to clients. */
  readonly own: KeyPair;
  /** The private key of a client certificate. */
  keyOf(certificate: string): string;
}

/** The headers of a call that say something about the client. */
const noted = ["version", "user-agent"];

/** A running relay. */
export class Relay {
  readonly captured: Captured[] = [];
  readonly #options: RelayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  /** Calls that are open; a command has ended when there are none. */
  readonly #open = new Set<object>();

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        key: options.own.key,
        cert: options.own.certificate,
        requestCert: true,
        rejectUnauthorized: false,
        ALPNCallback: ({ servername, protocols }) => routeOf(servername, protocols)?.protocol,
      },
      (socket) => this.#accept(socket),
    );
  }

  static async start(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** True while a call or request is under way. */
  get busy(): boolean {
    return this.#open.size > 0;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: TLSSocket): void {
    const serverName = socket.servername || "";
    // What was selected leads to the same door as what was offered.
    const offered = typeof socket.alpnProtocol === "string" ? [socket.alpnProtocol] : [];
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const route = routeOf(serverName, offered);
    const dial = () => this.#dial(serverName, offered, socket.getPeerX509Certificate());
    if (route?.door === "web") this.#relayWeb(socket);
    else if (route?.protocol === "http/1.1") this.#relayWeb(socket, dial);
    else if (route?.door === "auth" || route?.door === "transport") {
      this.#relayCalls(socket, route.door, dial);
    } else {
      // The probe asks for nothing but the handshake.
      socket.end();
    }
  }

  #dial(
    serverName: string,
    offered: readonly string[],
    certificate: { toString(): string } | undefined,
  ): TLSSocket {
    const pem = certificate?.toString();
    return connect({
      ...{ host: "127.0.0.1", port: this.#options.upstream, rejectUnauthorized: false },
      servername: serverName,
      ALPNProtocols: [...offered],
      ...(pem === undefined ? {} : { cert: pem, key: this.#options.keyOf(pem) }),
    });
  }

  #relayWeb(socket: TLSSocket, dial?: () => TLSSocket): void {
    const server = createWebServer((incoming, outgoing) => {
      void this.#forward(incoming, outgoing, dial);
    });
    server.emit("connection", socket);
  }

  async #forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    dial: (() => TLSSocket) | undefined,
  ): Promise<void> {
    const { method = "GET", url = "/" } = incoming;
    const empty = Buffer.alloc(0);
    const noted: CapturedHttp = {
      ...{ kind: "http", door: dial === undefined ? "web" : "auth", method, path: url },
      ...{ request: empty, status: 0, answer: empty },
    };
    this.captured.push(noted);
    this.#open.add(noted);
    noted.request = Buffer.concat(await incoming.toArray());
    const upstream = request({
      ...{ host: "127.0.0.1", port: this.#options.upstream, path: url, method },
      headers: incoming.headers,
      rejectUnauthorized: false,
      ...(dial === undefined ? { agent: false } : { createConnection: dial }),
    });
    upstream.once("response", async (answer) => {
      noted.status = answer.statusCode ?? 0;
      noted.answer = Buffer.concat(await answer.toArray());
      outgoing.writeHead(noted.status, answer.headers);
      // The client goes on at the address that the proxy names; both ports have five digits.
      outgoing.end(this.#renamed(noted.answer));
      this.#open.delete(noted);
    });
    upstream.once("error", () => outgoing.destroy());
    upstream.end(noted.request);
  }

  #renamed(body: Buffer): Buffer {
    const text = body.toString("latin1");
    return Buffer.from(text.replaceAll(`:${this.#options.upstream}`, `:${this.port}`), "latin1");
  }

  #relayCalls(socket: TLSSocket, door: "auth" | "transport", dial: () => TLSSocket): void {
    const server = createHttp2Server({ settings: { initialWindowSize: 1 << 20 } });
    const upstream = connectHttp2("https://relay", { createConnection: dial });
    upstream.on("error", () => socket.destroy());
    socket.once("close", () => upstream.destroy());
    server.on("sessionError", () => socket.destroy());
    server.on("stream", (stream, headers) => {
      this.#relayCall(stream as ServerHttp2Stream, headers, upstream, door);
    });
    server.emit("connection", socket);
  }

  #relayCall(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    session: ClientHttp2Session,
    door: "auth" | "transport",
  ): void {
    const metadata = noted.flatMap((name) => {
      const value = headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    });
    const call: CapturedCall = {
      kind: "grpc",
      door,
      method: headers[":path"] ?? "",
      metadata: Object.fromEntries(metadata) as Record<string, string>,
      messages: [],
      status: undefined,
      text: "",
    };
    this.captured.push(call);
    this.#open.add(call);
    const upstream = session.request(headers);
    const cut = (from: "client" | "server") =>
      new MessageCutter((bytes) => call.messages.push({ from, bytes }));
    const [asked, answered] = [cut("client"), cut("server")];
    stream.on("data", (bytes: Buffer) => {
      asked.push(bytes);
      upstream.write(bytes);
    });
    stream.on("end", () => upstream.end());
    stream.on("error", () => upstream.close(constants.NGHTTP2_CANCEL));
    upstream.on("error", () => stream.close(constants.NGHTTP2_CANCEL));
    upstream.on("response", (answer, flags) => {
      const last = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      if (last) noteStatus(call, answer);
      stream.respond(answer, { endStream: last, waitForTrailers: !last });
    });
    upstream.on("data", (bytes: Buffer) => {
      answered.push(bytes);
      stream.write(bytes);
    });
    let trailers: IncomingHttpHeaders = {};
    upstream.on("trailers", (given) => {
      trailers = given;
      noteStatus(call, given);
    });
    upstream.on("end", () => stream.end());
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    const over = () => this.#open.delete(call);
    stream.once("close", over);
    upstream.once("close", over);
  }
}

function noteStatus(call: CapturedCall, headers: IncomingHttpHeaders): void {
  const [status, text] = [headers["grpc-status"], headers["grpc-message"]];
  if (status !== undefined) call.status = Number(status);
  if (typeof text === "string") call.text = decodeURIComponent(text);
}
