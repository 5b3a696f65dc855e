/**
 * The one public TLS port. It finishes the handshake, lets `routes.ts` decide, and hands the socket over unread.
 *
 * A client certificate is always asked for and never demanded here: whether one is needed, and whether the one that
 * came is good, is decided behind the door, per call, from `socket.authorized` and the certificate itself.
 * Hostile clients are bounded before they prove anything: handshake time, and connections in handshake per address.
 */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { certificateFor, type Door, routeOf } from "./routes.ts";

/** A certificate chain and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A connection that finished its handshake. Nothing has been read from `socket`. */
export interface Connection {
  readonly socket: TLSSocket;
  readonly door: Door;
  readonly serverName: string;
  /** The negotiated protocol; "http/1.1" for a client that offers none. */
  readonly protocol: string;
  readonly remoteAddress: string;
  /** It came inside another connection, through a balancer. */
  readonly upgraded: boolean;
}

/** What the front door needs. */
export interface FrontDoorOptions {
  readonly listenAddress: { readonly host: string; readonly port: number };
  /** Signed by the host authority; for clients of the cluster. */
  readonly hostCertificate: KeyPair;
  /** For browsers and for clients that do not know the cluster yet. */
  readonly webCertificate: KeyPair;
  /** PEM certificates of the authorities whose client certificates are good here. */
  readonly clientAuthorities: readonly string[];
  readonly doors: Readonly<Partial<Record<Door, (connection: Connection) => void>>>;
  readonly logger: Logger;
  readonly limits?: Partial<FrontDoorLimits>;
}

/** Bounds on clients that have not proved anything: in their handshake, and after it without a certificate. */
export interface FrontDoorLimits {
  readonly handshakeMs: number;
  readonly handshakesPerAddress: number;
  readonly handshakes: number;
  readonly strangersPerAddress: number;
  readonly strangers: number;
}

const defaultLimits: FrontDoorLimits = {
  handshakeMs: 10_000,
  handshakesPerAddress: 128,
  handshakes: 1024,
  strangersPerAddress: 512,
  strangers: 4096,
};

/** Listens, routes and hands over. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #server: Server;
  readonly #open = new Set<Duplex>();
  readonly #pending: ConnectionCount;
  readonly #strangers: ConnectionCount;
  readonly #handshake: TlsOptions;
  #webCertificate: KeyPair;
  #hostPair: Pick<TlsOptions, "cert" | "key">;
  #contexts: Readonly<Record<"host" | "web", SecureContext>>;

  private constructor(options: FrontDoorOptions) {
    this.#options = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.#pending = new ConnectionCount(limits.handshakes, limits.handshakesPerAddress);
    this.#strangers = new ConnectionCount(limits.strangers, limits.strangersPerAddress);
    this.#contexts = contextsOf(options);
    this.#webCertificate = options.webCertificate;
    this.#hostPair = pairOf(options.hostCertificate);
    this.#handshake = {
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      handshakeTimeout: limits.handshakeMs,
      SNICallback: (name, done) => done(null, this.#contexts[certificateFor(name)]),
      // Node says false where the client names no server.
      ALPNCallback: ({ servername, protocols }) => routeOf(servername || "", protocols)?.protocol,
    };
    this.#server = createServer({
      cert: options.webCertificate.certificate,
      key: options.webCertificate.privateKey,
      ca: [...options.clientAuthorities],
      ...this.#handshake,
    });
    this.#server.on("connection", (socket: Socket) => this.#admit(socket));
    this.#logFailures(this.#server);
    this.#server.on("secureConnection", (socket) => {
      this.#pending.leave(socket.remoteAddress, socket.remotePort);
      // Who the certificate names is decided behind the door; here it tells who may take up room.
      if (!socket.authorized && !this.#strangers.enter(socket)) {
        options.logger.warn("too many connections of strangers", { from: socket.remoteAddress });
        socket.destroy();
        return;
      }
      this.#handOver(socket, false);
    });
  }

  /**
   * Takes a stream that came inside a connection of this port, through a balancer, and begins TLS on it as if it had come
   * to the port itself. That connection showed no certificate, so it is counted as a stranger's for as long as the stream
   * lasts: the bounds hold for both.
   */
  acceptUpgraded(stream: Duplex, remoteAddress: string): void {
    this.#open.add(stream);
    stream.once("close", () => this.#open.delete(stream));
    const server = this.#serverFor(stream, this.#handshake, remoteAddress);
    server.on("secureConnection", (socket) => this.#handOver(socket, true));
    server.emit("connection", stream);
  }

  /**
   * Begins TLS with the certificate of the host authority on a stream inside a connection that came through this door.
   * Resolves when the handshake is over; throws `unproven` when there is none.
   */
  secure(stream: Duplex, remoteAddress: string): Promise<TLSSocket> {
    const { requestCert, rejectUnauthorized, minVersion, handshakeTimeout } = this.#handshake;
    const server = this.#serverFor(
      stream,
      { requestCert, rejectUnauthorized, minVersion, handshakeTimeout, ...this.#hostPair },
      remoteAddress,
    );
    return new Promise((resolve, reject) => {
      server.once("secureConnection", resolve);
      stream.once("close", () => reject(new Fault("unproven", "the TLS handshake failed")));
      server.emit("connection", stream);
    });
  }

  /** A server of its own, which never listens: it is how one learns whose stream a finished handshake was on. */
  #serverFor(stream: Duplex, handshake: TlsOptions, remoteAddress: string): Server {
    const { certificate: cert, privateKey: key } = this.#webCertificate;
    const ca = [...this.#options.clientAuthorities];
    const server = createServer({ cert, key, ca, ...handshake });
    this.#logFailures(server);
    server.on("tlsClientError", () => stream.destroy());
    server.on("secureConnection", (socket) => {
      Object.defineProperty(socket, "remoteAddress", { value: remoteAddress });
      socket.once("close", () => stream.destroy());
    });
    return server;
  }

  #logFailures(server: Server): void {
    server.on("tlsClientError", (error, socket) => {
      this.#options.logger.debug("handshake failed", {
        error: error.message,
        from: socket.remoteAddress,
      });
      socket.destroy();
    });
  }

  /** Starts to listen. Throws `environment` when the port is taken or may not be used. */
  static async open(options: FrontDoorOptions): Promise<FrontDoor> {
    const door = new FrontDoor(options);
    const { host, port } = options.listenAddress;
    door.#server.listen(port, host);
    try {
      await once(door.#server, "listening");
    } catch (cause) {
      throw listenFault(cause, host, port);
    }
    return door;
  }

  /** The port that is really open; differs from the asked one when that was 0. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Presents other certificates to whoever connects from now on. */
  renew(certificates: Pick<FrontDoorOptions, "hostCertificate" | "webCertificate">): void {
    this.#contexts = contextsOf({ ...this.#options, ...certificates });
    this.#webCertificate = certificates.webCertificate;
    this.#hostPair = pairOf(certificates.hostCertificate);
    const { certificate, privateKey } = this.#webCertificate;
    const ca = [...this.#options.clientAuthorities];
    this.#server.setSecureContext({ cert: certificate, key: privateKey, ca });
  }

  /** Stops listening and ends every connection that came through this door. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (!this.#pending.enter(socket)) {
      this.#options.logger.warn("too many unfinished handshakes", { from: socket.remoteAddress });
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }

  #handOver(socket: TLSSocket, upgraded: boolean): void {
    socket.on("error", () => socket.destroy());
    const serverName = String((socket as { servername?: string | false }).servername || "");
    const selected = socket.alpnProtocol;
    const route = routeOf(serverName, selected ? [selected] : []);
    const accept = route && this.#options.doors[route.door];
    if (!route || !accept) {
      socket.end();
      return;
    }
    accept({
      socket,
      door: route.door,
      serverName,
      protocol: route.protocol,
      remoteAddress: socket.remoteAddress ?? "",
      upgraded,
    });
  }
}

function contextsOf(
  options: Pick<FrontDoorOptions, "hostCertificate" | "webCertificate" | "clientAuthorities">,
) {
  return {
    host: secureContext(options.hostCertificate, options.clientAuthorities),
    web: secureContext(options.webCertificate, options.clientAuthorities),
  };
}

function pairOf({ certificate, privateKey }: KeyPair): Pick<TlsOptions, "cert" | "key"> {
  return { cert: certificate, key: privateKey };
}

function secureContext(pair: KeyPair, authorities: readonly string[]): SecureContext {
  return createSecureContext({
    cert: pair.certificate,
    key: pair.privateKey,
    ca: [...authorities],
    minVersion: "TLSv1.2",
  });
}

function listenFault(cause: unknown, host: string, port: number): Fault {
  const code = (cause as { code?: string }).code;
  if (code === "EADDRINUSE") {
    return new Fault("environment", `port ${port} on ${host} is in use by another program`, {
      hint: `stop that program (find it with: ss -ltnp 'sport = :${port}') or choose another port: --listen, or web_listen_addr in the configuration`,
      cause,
    });
  }
  if (code === "EACCES") {
    return new Fault("environment", `this user may not listen on port ${port}`, {
      hint: "run as root, or choose a port above 1023",
      cause,
    });
  }
  const foreign = ["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN"].includes(code ?? "");
  const why = foreign ? ": this machine has no such address" : "";
  return new Fault("environment", `cannot listen on ${host}:${port}${why}`, {
    hint: "choose 127.0.0.1 (this machine alone) or 0.0.0.0 (all its addresses): --listen, or web_listen_addr in the configuration",
    cause,
  });
}

/** Counts connections of one sort, in all and per address, until they close or leave. */
class ConnectionCount {
  readonly #most: number;
  readonly #mostPerAddress: number;
  readonly #byAddress = new Map<string, Set<string>>();
  #total = 0;

  constructor(most: number, mostPerAddress: number) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  /** False when the address, or the door as a whole, has too many already. */
  enter(socket: Socket): boolean {
    const { remoteAddress, remotePort } = socket;
    const address = remoteAddress ?? "";
    const ports = this.#byAddress.get(address) ?? new Set<string>();
    if (this.#total >= this.#most || ports.size >= this.#mostPerAddress) return false;
    ports.add(String(remotePort));
    this.#byAddress.set(address, ports);
    this.#total++;
    socket.once("close", () => this.leave(remoteAddress, remotePort));
    return true;
  }

  leave(address = "", port: number | undefined): void {
    const ports = this.#byAddress.get(address);
    if (!ports?.delete(String(port))) return;
    this.#total--;
    if (ports.size === 0) this.#byAddress.delete(address);
  }
}
