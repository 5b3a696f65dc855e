/**
 * Ports that the node opens for a client (`ssh -R`): on the loopback only, for as long as the connection lives. The
 * listeners belong to the one connection that asked; nobody else can name them.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Fault } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { ForwardAddress, ForwardHandler, TcpipChannel } from "#ssh/connection/forward.ts";
import { joinSocket } from "./local-forward.ts";

/** What forwarding needs of its connection. */
export interface ForwardOwner {
  /** Returns when listening is allowed and written down; throws otherwise. */
  authorize(where: ForwardAddress): Promise<void>;
  open(channel: TcpipChannel): Promise<Channel>;
  touch(): void;
}

/** Listeners of one connection. */
const listenerLimit = 32;
const connectionLimit = 512;
/** Ports below this one belong to the system (RFC 6335 section 6). */
const firstUserPort = 1024;

/** The listeners of one connection. */
export class RemoteForwards implements ForwardHandler {
  readonly #owner: ForwardOwner;
  readonly #mayUseSystemPorts: boolean;
  readonly #listeners = new Map<string, Server>();
  readonly #sockets = new Set<Socket>();
  #closed = false;

  constructor(owner: ForwardOwner, mayUseSystemPorts: boolean) {
    this.#owner = owner;
    this.#mayUseSystemPorts = mayUseSystemPorts;
  }

  async listen(where: ForwardAddress): Promise<number> {
    if (where.port > 65_535 || (where.port > 0 && where.port < firstUserPort)) {
      if (where.port > 65_535 || !this.#mayUseSystemPorts) {
        throw new Fault("access-denied", "this login may not open that port");
      }
    }
    if (this.#listeners.size >= listenerLimit) {
      throw new Fault("limit", "too many forwarded ports");
    }
    await this.#owner.authorize(where);
    const { server, port } = await this.#open(where);
    const key = keyOf({ address: where.address, port });
    if (this.#closed || this.#listeners.has(key)) {
      server.close();
      throw new Fault("conflict", "the port is forwarded already");
    }
    this.#listeners.set(key, server);
    return port;
  }

  cancel(where: ForwardAddress): boolean {
    const key = keyOf(where);
    this.#listeners.get(key)?.close();
    return this.#listeners.delete(key);
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    for (const server of this.#listeners.values()) server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#listeners.clear();
  }

  async #open({ address, port }: ForwardAddress): Promise<{ server: Server; port: number }> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket, { address, port: (server.address() as AddressInfo | null)?.port ?? 0 });
    });
    server.maxConnections = connectionLimit;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new Fault("unavailable", "the port cannot be opened", { cause })),
      );
      server.listen(port, address === "::1" ? "::1" : "127.0.0.1", resolve);
    });
    return { server, port: (server.address() as AddressInfo).port };
  }

  #accept(socket: Socket, where: ForwardAddress): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const origin = {
      originAddress: socket.remoteAddress ?? "",
      originPort: socket.remotePort ?? 0,
    };
    this.#owner
      .open({ ...where, ...origin })
      .then((channel) => joinSocket(socket, channel, () => this.#owner.touch()))
      .catch(() => socket.destroy());
  }
}

function keyOf({ address, port }: ForwardAddress): string {
  return `${port} ${address}`;
}
