/**
 * What the connection protocol stands on (RFC 4254): the messages from 80 on, of a connection whose user is
 * authenticated. Keys, algorithms and the login are below it.
 */
import type { Fault } from "#base/fault.ts";

/** What a connection needs of its transport. */
export interface MessageSender {
  /** True while channel data may be sent. */
  readonly writable: boolean;
  send(payload: Uint8Array): void;
  sendData(head: Uint8Array, data: Uint8Array): void;
  sendUnimplemented(): void;
  /** Ends the connection. */
  fail(error: unknown): void;
}

/** What a transport tells its owner. A throw out of `message` ends the connection. */
export interface MessageHandler {
  message(number: number, payload: Uint8Array): void;
  /** {@link MessageSender.writable} may have become true. */
  writable(): void;
  /** Called once. `fault` tells why, also for an orderly end by the peer. */
  closed(fault: Fault): void;
}

/** A client's transport of one connection. */
export interface MessageTransport extends MessageSender {
  /** Resolves when the server has let the user in. Rejects with the reason if it does not come to that. */
  readonly ready: Promise<void>;
  /** Names who gets the messages. Call once, before or after {@link ready}: what comes earlier waits. */
  deliverTo(handler: MessageHandler): void;
  /** Hands out no message until {@link release}. */
  hold(): void;
  release(): void;
  /** Ends the connection in good order. */
  close(): void;
}
