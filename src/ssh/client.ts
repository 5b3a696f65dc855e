/**
 * An SSH client's side of one connection, over any duplex stream: transport, one key or certificate to
 * authenticate with, then sessions and forwarding. Which host key is right is asked of `verifyHost`.
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { ClientAuthentication, type ClientIdentity } from "./auth/client.ts";
import type { Channel } from "./connection/channel.ts";
import { ClientSession } from "./connection/client-session.ts";
import {
  Connection,
  type IncomingChannel,
  type IncomingGlobalRequest,
  unknownType,
} from "./connection/connection.ts";
import {
  decodeTcpip,
  type ForwardAddress,
  type TcpipChannel,
  type TcpipHandler,
} from "./connection/forward.ts";
import { empty, forwardedPort, forwardRequest, tcpipChannel } from "./messages/connection.ts";
import type { PresentedHostKey } from "./transport/host-key.ts";
import type { Agreed } from "./transport/negotiation.ts";
import { Transport, type TransportSettings } from "./transport/transport.ts";

/** What a client is made of. */
export interface ClientOptions extends TransportSettings {
  /** The account to log in to. */
  readonly user: string;
  readonly identity: ClientIdentity;
  /**
   * Returns if the host key is the right one, otherwise throws; the throw is why {@link ClientConnection.ready}
   * rejects. A certificate has not been checked: call checkCertificate. Called again at every rekey.
   */
  verifyHost(presented: PresentedHostKey): void | Promise<void>;
  /** Text of the server before authentication. Not safe for a terminal as it is. */
  onBanner?(text: string): void;
  /** A connection that came in on a port that we asked the server to listen on. Without it refused. */
  readonly onForwardedTcpip?: TcpipHandler;
  /** The session wants our agent. Without it refused. */
  onAgent?(accept: () => Channel): void | Promise<void>;
  /** A global request of the server, such as an event. False is failure. */
  onGlobalRequest?(
    request: IncomingGlobalRequest,
  ): Uint8Array | false | Promise<Uint8Array | false>;
}

/** One connection. Starts to talk when constructed; wait for {@link ClientConnection.ready} before use. */
export class ClientConnection {
  /** Resolves when the server has let us in. Rejects with the reason if it does not come to that. */
  readonly ready: Promise<void>;
  /** Resolves with the reason when the connection is gone. Never rejects. */
  readonly closed: Promise<Fault>;
  readonly #options: ClientOptions;
  readonly #transport: Transport;
  readonly #connection: Connection;
  readonly #authentication: ClientAuthentication;
  #authenticated = false;

  constructor(socket: Duplex, options: ClientOptions) {
    this.#options = options;
    const ready = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<Fault>();
    this.ready = ready.promise;
    this.closed = closed.promise;
    // Whoever does not wait for `ready` learns of the failure from `closed`.
    this.ready.catch(() => {});
    this.#transport = new Transport(
      socket,
      { role: "client", verifyHost: (presented) => options.verifyHost(presented) },
      options,
      {
        ready: () => this.#authentication.begin(),
        message: (number, payload) => this.#receive(number, payload),
        writable: () => this.#connection.flush(),
        closed: (fault) => {
          ready.reject(fault);
          this.#connection.close(fault);
          closed.resolve(fault);
        },
      },
    );
    this.#connection = new Connection(this.#transport, {
      open: (channel) => this.#open(channel),
      globalRequest: (request) => options.onGlobalRequest?.(request) ?? false,
    });
    this.#authentication = new ClientAuthentication(
      this.#transport,
      options.user,
      options.identity,
      (text) => options.onBanner?.(text),
      () => {
        this.#authenticated = true;
        ready.resolve();
      },
    );
  }

  /** The algorithms in use, once agreed. */
  get algorithms(): Agreed | undefined {
    return this.#transport.agreed;
  }

  /** The server's version line, once known. */
  get serverVersion(): string | undefined {
    return this.#transport.peerVersion;
  }

  /** Opens a session. Throws what the server says if it refuses. */
  async openSession(): Promise<ClientSession> {
    await this.ready;
    const prepare = (channel: Channel): ClientSession => new ClientSession(channel);
    return this.#connection.open("session", empty.encode({}), prepare);
  }

  /** Opens a connection from the server outwards (`ssh -L`, `-W`). */
  async openDirectTcpip(channel: TcpipChannel): Promise<Channel> {
    await this.ready;
    return this.#connection.open("direct-tcpip", tcpipChannel.encode(channel), discardStderr);
  }

  /** Opens any other channel. */
  async openChannel(type: string, payload: Uint8Array): Promise<Channel> {
    await this.ready;
    return this.#connection.open(type, payload, (channel) => channel);
  }

  /** Asks the server to listen for us (`ssh -R`). Returns the port. Throws `access-denied` if it refuses. */
  async requestForward(where: ForwardAddress): Promise<number> {
    const answer = await this.#ask("tcpip-forward", forwardRequest.encode(where));
    if (answer === undefined) {
      throw new Fault("access-denied", `the SSH server refuses to listen on port ${where.port}`);
    }
    return where.port === 0 ? forwardedPort.decode(answer).port : where.port;
  }

  /** Asks the server to stop listening; false if it was not. `port` is the one that {@link requestForward} gave. */
  async cancelForward(where: ForwardAddress): Promise<boolean> {
    return (await this.#ask("cancel-tcpip-forward", forwardRequest.encode(where))) !== undefined;
  }

  /** Sends any other global request. Undefined is failure. */
  async globalRequest(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#ask(name, payload);
  }

  /** Asks the server for an answer of any kind, to see that it is there. */
  async ping(): Promise<void> {
    await this.#ask("keepalive@openssh.com", empty.encode({}));
  }

  /** Agrees on new keys now. */
  rekey(): void {
    this.#transport.rekey();
  }

  /** Ends the connection. */
  close(): void {
    this.#transport.close();
  }

  async #ask(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    await this.ready;
    return this.#connection.globalRequest(name, payload);
  }

  #receive(number: number, payload: Uint8Array): void {
    if (this.#authenticated) this.#connection.receive(number, payload);
    else this.#authentication.receive(number, payload);
  }

  async #open(channel: IncomingChannel): Promise<void> {
    const { onForwardedTcpip, onAgent } = this.#options;
    const accept = (): Channel => discardStderr(channel.accept());
    if (channel.type === "forwarded-tcpip" && onForwardedTcpip !== undefined) {
      await onForwardedTcpip(decodeTcpip(channel.payload), accept);
    } else if (channel.type === "auth-agent@openssh.com" && onAgent !== undefined) {
      empty.decode(channel.payload);
      await this.#options.onAgent?.(accept);
    } else {
      throw unknownType();
    }
  }
}

/** Extended data on anything but a session has no meaning; unread it would close the window. */
function discardStderr(channel: Channel): Channel {
  channel.stderr.resume();
  return channel;
}
