/**
 * `GET /webapi/connectionupgrade` (public API): clients behind a balancer that ends TLS and speaks HTTP get a byte stream
 * through it, and begin TLS anew inside. Three forms: WebSocket (RFC 6455) with the subprotocol `alpn` or `alpn-ping`, and
 * from before it `Upgrade: alpn` for the bare stream and `Upgrade: alpn-ping` for {@link PingStream}.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { longestPayload, WebSocketStream } from "#api/upgrade/web-socket-stream.ts";
import { keepAlive } from "./keep-alive.ts";
import { PingStream } from "./ping-stream.ts";

const paths: readonly string[] = ["/webapi/connectionupgrade", "/v1/webapi/connectionupgrade"];
/** Both headers name the forms: some balancers take the standard one out. */
const ownHeader = "x-teleport-upgrade";

/** True for requests that are to become a stream; others that carry `Upgrade` are answered as if they did not. */
export function isUpgradePath(request: Pick<IncomingMessage, "url">): boolean {
  return paths.includes((request.url ?? "").replace(/\?.*$/s, ""));
}

/** Answers upgrade requests; gives each stream to `accept`. */
export class ConnectionUpgrades {
  readonly #accept: (stream: Duplex, outer: Duplex) => void;
  readonly #webSockets: WebSocketServer;

  constructor(accept: (stream: Duplex, outer: Duplex) => void) {
    this.#accept = accept;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: longestPayload,
      perMessageDeflate: false,
      handleProtocols: (offered) => protocols.find((name) => offered.has(name)) ?? false,
    });
  }

  /** Takes the connection of a request that asks for an upgrade. `head` came right behind it. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const wanted = formsOf(request);
    if (request.method !== "GET") refuse(socket, 405, "only GET is served here");
    else if (wanted.includes("websocket")) this.#upgradeWebSocket(request, socket, head);
    else if (wanted.includes("alpn-ping")) this.#upgradePlain("alpn-ping", socket, head);
    else if (wanted.includes("alpn")) this.#upgradePlain("alpn", socket, head);
    else refuse(socket, 400, `the forms served here: websocket, ${protocols.join(", ")}`);
  }

  #upgradePlain(form: (typeof protocols)[number], socket: Duplex, head: Buffer): void {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${form}\r\nX-Teleport-Upgrade: ${form}\r\nConnection: Upgrade\r\n\r\n`,
    );
    if (head.length > 0) socket.unshift(head);
    this.#accept(form === "alpn" ? socket : new PingStream(socket), socket);
  }

  #upgradeWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = request.headers["sec-websocket-protocol"] ?? "";
    const known = offered.split(",").some((name) => protocols.includes(name.trim() as "alpn"));
    if (!known) {
      refuse(socket, 400, `the subprotocols served here: ${protocols.join(", ")}`);
      return;
    }
    // Clients offer their older form beside it; the library takes the word alone.
    request.headers.upgrade = "websocket";
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (webSocket.protocol === "alpn-ping") keepAlive(webSocket);
      const stream = new WebSocketStream(webSocket);
      stream.on("error", () => stream.destroy());
      this.#accept(stream, socket);
    });
  }
}

const protocols = ["alpn", "alpn-ping"] as const;

/** What the client takes, in both headers. */
function formsOf({ headers }: IncomingMessage): string[] {
  const values = [headers.upgrade, headers[ownHeader]].flat();
  return values
    .flatMap((value) => (value ?? "").split(","))
    .map((name) => name.trim().toLowerCase());
}

/** Answers in the error form of the public API, and ends. */
function refuse(socket: Duplex, status: number, message: string): void {
  const body = JSON.stringify({ error: { message } });
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
