/**
 * Port forwarding of a client: local ports (`-L`), ports of the node (`-R`) and a SOCKS proxy (`-D`). Listeners bind to
 * loopback unless the person names another address.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { splice } from "#api/tunnel/stream.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { ClientConnection } from "#ssh/client.ts";
import type { TcpipHandler } from "#ssh/connection/forward.ts";
import { errorCode } from "../profile/files.ts";
import { joinAddress } from "../profile/names.ts";
import { acceptSocks } from "./socks.ts";
import { parsePort } from "./target.ts";

/** An end of a forward. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Where connections come in, and where they go. */
export interface Forward {
  readonly listen: Endpoint;
  readonly connect: Endpoint;
}

/** A listener of ours. */
export interface OpenForward extends Closable {
  /** The port that is open; the one chosen when zero was asked for. */
  readonly port: number;
}

const loopback = "127.0.0.1";
const connectTimeoutMs = 10_000;

/** Parses `[bind:]port:host:hostport`; IPv6 addresses stand in brackets. Throws `usage`. */
export function parseForward(text: string): Forward {
  const parts = splitParts(text);
  const [bind, listenPort, host, port] = parts.length === 3 ? [loopback, ...parts] : parts;
  if (parts.length < 3 || parts.length > 4 || !host || port === undefined) throw notAForward(text);
  return {
    listen: { host: bindAddress(bind), port: parsePort(listenPort ?? "") },
    connect: { host, port: parsePort(port) },
  };
}

/** Parses `[bind:]port`. Throws `usage`. */
export function parseDynamic(text: string): Endpoint {
  const parts = splitParts(text);
  const [bind, port] = parts.length === 1 ? [loopback, ...parts] : parts;
  if (parts.length > 2) throw notAForward(text);
  return { host: bindAddress(bind), port: parsePort(port ?? "") };
}

/** Listens here and connects from the node. */
export function forwardLocal(connection: ClientConnection, forward: Forward): Promise<OpenForward> {
  return listen(forward.listen, (socket) => carry(connection, socket, forward.connect));
}

/** Listens here as a SOCKS5 proxy; each connection names its own destination. */
export function forwardDynamic(connection: ClientConnection, at: Endpoint): Promise<OpenForward> {
  return listen(at, async (socket) => {
    const { target, answer } = await acceptSocks(socket);
    const channel = await open(connection, socket, target).catch((error: unknown) => {
      answer(false);
      throw error;
    });
    answer(true);
    await splice(socket, channel);
  });
}

/** Answers connections that came in on the node: each listening port has one destination here. */
export function forwardedHandler(forwards: ReadonlyMap<number, Endpoint>): TcpipHandler {
  return async ({ port }, accept) => {
    const target = forwards.get(port);
    if (target === undefined)
      throw new Fault("access-denied", "nothing was forwarded on this port");
    const socket = await dial(target);
    void splice(socket, accept());
  };
}

/** Listens at an address of this machine; `serve` has each connection until it is over. Throws `environment`. */
export async function listen(
  at: Endpoint,
  serve: (socket: Socket) => Promise<void>,
): Promise<OpenForward> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    // One connection that fails is that connection's end, not the forward's.
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(at.port, at.host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const taken = errorCode(cause) === "EADDRINUSE";
    throw new Fault(
      "environment",
      `cannot listen on ${joinAddress(at.host, at.port)}${taken ? ": the port is in use" : ""}`,
      { hint: "choose another port", cause },
    );
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : at.port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function carry(
  connection: ClientConnection,
  socket: Socket,
  target: Endpoint,
): Promise<void> {
  await splice(socket, await open(connection, socket, target));
}

function open(connection: ClientConnection, socket: Socket, target: Endpoint): Promise<Duplex> {
  return connection.openDirectTcpip({
    address: target.host,
    port: target.port,
    originAddress: socket.remoteAddress ?? loopback,
    originPort: socket.remotePort ?? 0,
  });
}

async function dial({ host, port }: Endpoint): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.setTimeout(connectTimeoutMs, () => socket.destroy());
  try {
    await once(socket, "connect");
  } catch (cause) {
    throw new Fault("unavailable", "connection refused", { cause });
  }
  socket.setTimeout(0);
  socket.on("error", () => {});
  return socket;
}

function splitParts(text: string): string[] {
  return [...text.matchAll(/\[([^\]]*)\]|([^:]+)|(?<=:)(?=:)/gu)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
}

function bindAddress(text: string | undefined): string {
  if (text === undefined || text === "" || text === "localhost") return loopback;
  return text === "*" ? "0.0.0.0" : text;
}

function notAForward(text: string): Fault {
  return new Fault("usage", `"${text}" is not a port forward`, {
    hint: "write [bind:]port:host:port, as in 8080:localhost:80",
  });
}
