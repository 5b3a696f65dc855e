/** The transport of a connection that another process of the same user holds: it has the keys, here are the messages. */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { MessageHandler, MessageTransport } from "../connection/message-transport.ts";
import { MessageStream } from "./message-stream.ts";

/** The near end of {@link relayMessages}. The user is authenticated already. */
export class RelayedTransport implements MessageTransport {
  readonly ready = Promise.resolve();
  readonly #stream: MessageStream;
  #handler: MessageHandler | undefined;
  #ended: Fault | undefined;

  constructor(socket: Duplex) {
    this.#stream = new MessageStream(socket, {
      message: (number, payload) => this.#handler?.message(number, payload),
      drained: () => this.#handler?.writable(),
      ended: (fault) => this.#end(fault),
    });
    this.#stream.hold();
  }

  get writable(): boolean {
    return this.#stream.writable;
  }

  deliverTo(handler: MessageHandler): void {
    this.#handler = handler;
    if (this.#ended !== undefined) handler.closed(this.#ended);
    else this.#stream.release();
  }

  send(payload: Uint8Array): void {
    this.#stream.write(payload);
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.#stream.write(head, data);
  }

  /** The far end answers messages that nobody knows, and passes none of them on. */
  sendUnimplemented(): void {
    this.fail(new Fault("malformed", "a message that is not part of the connection was relayed"));
  }

  hold(): void {
    this.#stream.hold();
  }

  release(): void {
    this.#stream.release();
  }

  fail(error: unknown): void {
    const fault =
      error instanceof Fault
        ? error
        : new Fault("internal", "the SSH connection failed", { cause: error });
    this.#stream.close(fault);
    this.#end(fault);
  }

  close(): void {
    this.fail(new Fault("canceled", "the SSH connection was closed"));
  }

  #end(fault: Fault): void {
    if (this.#ended !== undefined) return;
    this.#ended = fault;
    this.#handler?.closed(fault);
  }
}
