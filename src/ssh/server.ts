/**
 * An SSH server's side of one connection, over any duplex stream: transport, user authentication, then sessions
 * and forwarding. It decides nothing: who may log in, and what for, is asked of the callbacks.
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { type AuthenticationRules, ServerAuthentication } from "./auth/server.ts";
import type { Channel } from "./connection/channel.ts";
import {
  Connection,
  type IncomingChannel,
  type IncomingGlobalRequest,
  unknownType,
} from "./connection/connection.ts";
import {
  decodeTcpip,
  type ForwardHandler,
  handleForward,
  type TcpipChannel,
} from "./connection/forward.ts";
import { ServerSession, type SessionHandler } from "./connection/server-session.ts";
import { empty, globalRequest, tcpipChannel } from "./messages/connection.ts";
import type { HostKey } from "./transport/host-key.ts";
import { Transport, type TransportSettings } from "./transport/transport.ts";

/** What a server is made of. `Identity` is what `decide` returns for the client that it lets in. */
export interface ServerOptions<Identity> extends TransportSettings {
  readonly hostKeys: readonly HostKey[];
  readonly authentication: AuthenticationRules<Identity>;
  /** A session is opened: returns who answers its requests. A fault that is thrown refuses it, with its sentence. */
  onSession(
    session: ServerSession,
    connection: ServerConnection<Identity>,
  ): SessionHandler | Promise<SessionHandler>;
  /** A connection from the client outwards (`ssh -L`). Without it refused. */
  readonly onDirectTcpip?: (
    connection: ServerConnection<Identity>,
    channel: TcpipChannel,
    accept: () => Channel,
  ) => void | Promise<void>;
  /** Listening for the client (`ssh -R`). Without it refused. */
  readonly forward?: (connection: ServerConnection<Identity>) => ForwardHandler;
  /** Other global requests. False is failure, which is also how keepalives are answered. */
  readonly onGlobalRequest?: (
    request: IncomingGlobalRequest,
  ) => Uint8Array | false | Promise<Uint8Array | false>;
}

/** One connection. Starts to talk when constructed; {@link ServerConnection.closed} tells when it is over. */
export class ServerConnection<Identity> {
  /** Resolves with the reason when the connection is gone. Never rejects. */
  readonly closed: Promise<Fault>;
  readonly #options: ServerOptions<Identity>;
  readonly #transport: Transport;
  readonly #connection: Connection;
  readonly #authentication: ServerAuthentication<Identity>;
  #user: { readonly identity: Identity; readonly login: string } | undefined;
  #forward: ForwardHandler | undefined;

  constructor(socket: Duplex, options: ServerOptions<Identity>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Fault>();
    this.closed = promise;
    this.#transport = new Transport(
      socket,
      { role: "server", hostKeys: options.hostKeys },
      options,
      {
        ready: () => {},
        message: (number, payload) => this.#receive(number, payload),
        writable: () => this.#connection.flush(),
        closed: (fault) => {
          this.#authentication.close();
          this.#connection.close(fault);
          resolve(fault);
        },
      },
    );
    this.#connection = new Connection(this.#transport, {
      open: (channel) => this.#open(channel),
      globalRequest: (request) => this.#globalRequest(request),
    });
    this.#authentication = new ServerAuthentication(
      this.#transport,
      options.authentication,
      options.startTimer,
      (identity, login) => {
        this.#user = { identity, login };
        this.#forward = options.forward?.(this);
      },
    );
  }

  /** Who logged in. Throws `unproven` before that. */
  get identity(): Identity {
    return this.#assertUser().identity;
  }

  /** The account that they logged in to. Throws `unproven` before that. */
  get login(): string {
    return this.#assertUser().login;
  }

  /** The client's version line, once known. */
  get clientVersion(): string | undefined {
    return this.#transport.peerVersion;
  }

  /** Opens a channel for a connection that came in on a forwarded port. */
  openForwardedTcpip(channel: TcpipChannel): Promise<Channel> {
    return this.#connection.open("forwarded-tcpip", tcpipChannel.encode(channel), discardStderr);
  }

  /** Opens a channel to the client's agent. Only after the client asked for agent forwarding. */
  openAgent(): Promise<Channel> {
    return this.#connection.open("auth-agent@openssh.com", empty.encode({}), discardStderr);
  }

  /** Opens any other channel. */
  openChannel(type: string, payload: Uint8Array): Promise<Channel> {
    return this.#connection.open(type, payload, (channel) => channel);
  }

  /** Asks the client for an answer of any kind, to see that it is there. */
  async ping(): Promise<void> {
    await this.#connection.globalRequest("keepalive@openssh.com", empty.encode({}));
  }

  /** Tells the client something that it does not answer. */
  notify(name: string, payload: Uint8Array): void {
    this.#connection.send(globalRequest.encode({ name, wantReply: false, payload }));
  }

  /** Agrees on new keys now. */
  rekey(): void {
    this.#transport.rekey();
  }

  /** Ends the connection. `description` is sent to the client. */
  close(description?: string): void {
    this.#transport.close(description);
  }

  #assertUser(): { readonly identity: Identity; readonly login: string } {
    if (this.#user === undefined) throw new Fault("unproven", "nobody has logged in");
    return this.#user;
  }

  #receive(number: number, payload: Uint8Array): void {
    if (number < globalRequest.number) {
      this.#authentication.receive(number, payload);
      return;
    }
    if (this.#user === undefined) {
      throw new Fault("malformed", `message ${number} comes before authentication`);
    }
    this.#connection.receive(number, payload);
  }

  async #open(channel: IncomingChannel): Promise<void> {
    const { onDirectTcpip } = this.#options;
    if (channel.type === "session") {
      empty.decode(channel.payload);
      await this.#openSession(channel);
    } else if (channel.type === "direct-tcpip" && onDirectTcpip !== undefined) {
      const accept = (): Channel => discardStderr(channel.accept());
      await onDirectTcpip(this, decodeTcpip(channel.payload), accept);
    } else {
      throw unknownType();
    }
  }

  /** The handler decides before the channel is confirmed, so a refusal can carry its sentence. */
  async #openSession(channel: IncomingChannel): Promise<void> {
    const session = new ServerSession();
    const handler = await this.#options.onSession(session, this);
    session.begin(channel.accept(), handler);
  }

  async #globalRequest(request: IncomingGlobalRequest): Promise<Uint8Array | false> {
    const answer =
      this.#forward === undefined ? undefined : await handleForward(this.#forward, request);
    return answer ?? (await this.#options.onGlobalRequest?.(request)) ?? false;
  }
}

/** Extended data on anything but a session has no meaning; unread it would close the window. */
function discardStderr(channel: Channel): Channel {
  channel.stderr.resume();
  return channel;
}
