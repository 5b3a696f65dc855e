/**
 * An SSH client's side of one connection: sessions and forwarding, over a transport whose user is authenticated or about
 * to be.
 */
import { Fault } from "#base/fault.ts";
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
import type { MessageTransport } from "./connection/message-transport.ts";
import { empty, forwardedPort, forwardRequest, tcpipChannel } from "./messages/connection.ts";

/** What the server may open and ask for. Everything that is not given is refused. */
export interface ClientOptions {
  /** A connection that came in on a port that we asked the server to listen on. */
  readonly onForwardedTcpip?: TcpipHandler;
  /** The session wants our agent. */
  onAgent?(accept: () => Channel): void | Promise<void>;
  /** A global request of the server, such as an event. False is failure. */
  onGlobalRequest?(
    request: IncomingGlobalRequest,
  ): Uint8Array | false | Promise<Uint8Array | false>;
}

/** One connection. */
export class ClientConnection {
  /** Resolves with the reason when the connection is gone. Never rejects. */
  readonly closed: Promise<Fault>;
  readonly #options: ClientOptions;
  readonly #transport: MessageTransport;
  readonly #connection: Connection;

  constructor(transport: MessageTransport, options: ClientOptions = {}) {
    this.#options = options;
    this.#transport = transport;
    const closed = Promise.withResolvers<Fault>();
    this.closed = closed.promise;
    this.#connection = new Connection(transport, {
      open: (channel) => this.#open(channel),
      globalRequest: (request) => options.onGlobalRequest?.(request) ?? false,
    });
    transport.deliverTo({
      message: (number, payload) => this.#connection.receive(number, payload),
      writable: () => this.#connection.flush(),
      closed: (fault) => {
        this.#connection.close(fault);
        closed.resolve(fault);
      },
    });
  }

  /** Resolves when the server has let us in. Rejects with the reason if it does not come to that. */
  get ready(): Promise<void> {
    return this.#transport.ready;
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

  /** Ends the connection. */
  close(): void {
    this.#transport.close();
  }

  async #ask(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    await this.ready;
    return this.#connection.globalRequest(name, payload);
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
