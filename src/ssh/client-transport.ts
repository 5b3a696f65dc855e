/**
 * A client's transport over a byte stream: key exchange, the check of the host key, and authentication with one key or
 * certificate. Which host key is right is asked of `verifyHost`.
 */
import type { Duplex } from "node:stream";
import type { Fault } from "#base/fault.ts";
import { ClientAuthentication, type ClientIdentity } from "./auth/client.ts";
import type { MessageHandler, MessageTransport } from "./connection/message-transport.ts";
import type { PresentedHostKey } from "./transport/host-key.ts";
import type { Agreed } from "./transport/negotiation.ts";
import { Transport, type TransportSettings } from "./transport/transport.ts";

/** What a client's transport is made of. */
export interface ClientTransportOptions extends TransportSettings {
  /** The account to log in to. */
  readonly user: string;
  readonly identity: ClientIdentity;
  /**
   * Returns if the host key is the right one, otherwise throws; the throw is why {@link ClientTransport.ready}
   * rejects. A certificate has not been checked: call checkCertificate. Called again at every rekey.
   */
  verifyHost(presented: PresentedHostKey): void | Promise<void>;
  /** Text of the server before authentication. Not safe for a terminal as it is. */
  onBanner?(text: string): void;
}

/** One connection's transport. Starts to talk when constructed. */
export class ClientTransport implements MessageTransport {
  readonly ready: Promise<void>;
  readonly #transport: Transport;
  readonly #authentication: ClientAuthentication;
  #authenticated = false;
  #handler: MessageHandler | undefined;
  #ended: Fault | undefined;

  constructor(socket: Duplex, options: ClientTransportOptions) {
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Whoever does not wait for `ready` learns of the failure when messages are delivered.
    this.ready.catch(() => {});
    this.#transport = new Transport(
      socket,
      { role: "client", verifyHost: (presented) => options.verifyHost(presented) },
      options,
      {
        ready: () => this.#authentication.begin(),
        message: (number, payload) => this.#receive(number, payload),
        writable: () => this.#handler?.writable(),
        closed: (fault) => {
          this.#ended = fault;
          ready.reject(fault);
          this.#handler?.closed(fault);
        },
      },
    );
    this.#authentication = new ClientAuthentication(
      this.#transport,
      options.user,
      options.identity,
      (text) => options.onBanner?.(text),
      () => {
        this.#authenticated = true;
        // Nobody may be there yet to whom the server's next message can be given.
        if (this.#handler === undefined) this.#transport.hold();
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

  get writable(): boolean {
    return this.#authenticated && this.#transport.writable;
  }

  deliverTo(handler: MessageHandler): void {
    this.#handler = handler;
    if (this.#ended !== undefined) handler.closed(this.#ended);
    else if (this.#authenticated) this.#transport.release();
  }

  send(payload: Uint8Array): void {
    this.#transport.send(payload);
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.#transport.sendData(head, data);
  }

  sendUnimplemented(): void {
    this.#transport.sendUnimplemented();
  }

  hold(): void {
    this.#transport.hold();
  }

  release(): void {
    this.#transport.release();
  }

  /** Agrees on new keys now. */
  rekey(): void {
    this.#transport.rekey();
  }

  fail(error: unknown): void {
    this.#transport.fail(error);
  }

  close(): void {
    this.#transport.close();
  }

  #receive(number: number, payload: Uint8Array): void {
    if (this.#authenticated) this.#handler?.message(number, payload);
    else this.#authentication.receive(number, payload);
  }
}
