/**
 * The connection protocol (RFC 4254): channels and global requests in both directions. Symmetric: what may be
 * opened and asked for in which role is decided by the handlers, which server.ts and client.ts give.
 */
import { Fault } from "#base/fault.ts";
import {
  channelClose,
  channelData,
  channelEof,
  channelExtendedData,
  channelFailure,
  channelOpen,
  channelOpenConfirmation,
  channelOpenFailure,
  channelRequest,
  channelSuccess,
  channelWindowAdjust,
  empty,
  globalRequest,
  requestFailure,
  requestSuccess,
} from "../messages/connection.ts";
import { Channel, type ChannelLink } from "./channel.ts";
import type { MessageSender } from "./message-transport.ts";
import { channelRefused, describeOpenFailure } from "./open-failure.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { maxPacket, windowBeside } from "./window.ts";

/** A channel that the peer wants to open. */
export interface IncomingChannel {
  readonly type: string;
  readonly payload: Uint8Array;
  /** Opens it. Call at most once, and before the handler returns. */
  accept(): Channel;
}

/** A global request of the peer. */
export interface IncomingGlobalRequest {
  readonly name: string;
  readonly payload: Uint8Array;
}

/** What to do with what the peer asks for. */
export interface ConnectionHandler {
  /** Accepts the channel, or throws: the sentence of a fault goes to the peer, `access-denied` as "administratively prohibited". */
  open(channel: IncomingChannel): void | Promise<void>;
  /** The payload of the answer is success; false or a fault is failure. */
  globalRequest(request: IncomingGlobalRequest): Uint8Array | false | Promise<Uint8Array | false>;
}

/** Channels that one peer may have open at a time. */
const channelLimit = 1024;

/** All channels of one connection. */
export class Connection implements ChannelLink {
  /** What happens with each message. */
  static readonly #receivers: ReadonlyMap<number, (self: Connection, payload: Uint8Array) => void> =
    new Map([
      [globalRequest.number, (self, payload) => self.#receiveGlobalRequest(payload)],
      [
        requestSuccess.number,
        (self, payload) => self.#receiveReply(requestSuccess.decode(payload).payload),
      ],
      [
        requestFailure.number,
        (self, payload) => {
          requestFailure.decode(payload);
          self.#receiveReply(undefined);
        },
      ],
      [channelOpen.number, (self, payload) => self.#receiveOpen(payload)],
      [channelOpenConfirmation.number, (self, payload) => self.#receiveConfirmation(payload)],
      [channelOpenFailure.number, (self, payload) => self.#receiveOpenFailure(payload)],
      [
        channelWindowAdjust.number,
        (self, payload) => {
          const { recipient, bytes } = channelWindowAdjust.decode(payload);
          self.#channel(recipient).receiveWindow(bytes);
        },
      ],
      [
        channelData.number,
        (self, payload) => {
          const { recipient, data } = channelData.decode(payload);
          self.#channel(recipient).receiveData(data);
        },
      ],
      [
        channelExtendedData.number,
        (self, payload) => {
          const { recipient, type, data } = channelExtendedData.decode(payload);
          self.#channel(recipient).receiveExtendedData(type, data);
        },
      ],
      [
        channelEof.number,
        (self, payload) => self.#channel(channelEof.decode(payload).recipient).receiveEof(),
      ],
      [
        channelClose.number,
        (self, payload) => self.#channel(channelClose.decode(payload).recipient).receiveClose(),
      ],
      [
        channelRequest.number,
        (self, bytes) => {
          const { recipient, name, wantReply, payload } = channelRequest.decode(bytes);
          self.#channel(recipient).receiveRequest(name, wantReply, payload);
        },
      ],
      [
        channelSuccess.number,
        (self, payload) =>
          self.#channel(channelSuccess.decode(payload).recipient).receiveReply(true),
      ],
      [
        channelFailure.number,
        (self, payload) =>
          self.#channel(channelFailure.decode(payload).recipient).receiveReply(false),
      ],
    ]);

  readonly #transport: MessageSender;
  readonly #handler: ConnectionHandler;
  readonly #channels = new Map<number, Channel>();
  readonly #opening = new Map<number, PromiseWithResolvers<Channel>>();
  readonly #waiting = new Set<Channel>();
  readonly #incoming: ReplyQueue;
  #replies: ((payload: Uint8Array | undefined) => void)[] = [];
  #nextId = 0;
  #accepting = 0;
  #closed: Fault | undefined;

  constructor(transport: MessageSender, handler: ConnectionHandler) {
    this.#transport = transport;
    this.#handler = handler;
    this.#incoming = new ReplyQueue((error) => transport.fail(error));
  }

  get writable(): boolean {
    return this.#transport.writable;
  }

  /**
   * Opens a channel. Resolves to what `prepare` made of it, which it does before the peer can use the channel.
   * Rejects with what the peer says, or with why the connection is gone.
   */
  async open<T>(type: string, payload: Uint8Array, prepare: (channel: Channel) => T): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const channel = this.#create(type);
    const prepared = prepare(channel);
    const opening = Promise.withResolvers<Channel>();
    this.#opening.set(channel.id, opening);
    const { id: sender, window } = channel;
    this.send(channelOpen.encode({ type, sender, window, maxPacket, payload }));
    await opening.promise;
    return prepared;
  }

  /** Sends a global request. Resolves to the payload of the answer, undefined if the peer refuses. */
  globalRequest(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.send(globalRequest.encode({ name, wantReply: true, payload }));
    return new Promise((resolve) => this.#replies.push(resolve));
  }

  /** Is this the number of a message of the connection protocol? */
  static understands(number: number): boolean {
    return Connection.#receivers.has(number);
  }

  /** Takes a message from 80 on. */
  receive(number: number, payload: Uint8Array): void {
    const receive = Connection.#receivers.get(number);
    if (receive === undefined) this.#transport.sendUnimplemented();
    else receive(this, payload);
  }

  /** Data may be sent again. */
  flush(): void {
    // A channel that stops again goes to the end of the set, so all of them get their turn.
    for (const channel of this.#waiting) {
      if (!this.writable) return;
      this.#waiting.delete(channel);
      channel.flush();
    }
  }

  /** The transport is gone: every channel ends, everything that waits fails with `fault`. */
  close(fault: Fault): void {
    if (this.#closed !== undefined) return;
    this.#closed = fault;
    for (const { reject } of this.#opening.values()) reject(fault);
    this.#opening.clear();
    for (const channel of [...this.#channels.values()]) channel.abandon();
    this.#channels.clear();
    for (const resolve of this.#replies.splice(0)) resolve(undefined);
  }

  send(payload: Uint8Array): void {
    this.#transport.send(payload);
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.#transport.sendData(head, data);
  }

  wait(channel: Channel): void {
    this.#waiting.add(channel);
  }

  released(channel: Channel): void {
    this.#channels.delete(channel.id);
    this.#waiting.delete(channel);
  }

  fail(error: unknown): void {
    this.#transport.fail(error);
  }

  #create(type: string): Channel {
    while (this.#channels.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0;
    const window = windowBeside(this.#channels.size);
    const channel = new Channel(this, this.#nextId, type, window);
    this.#nextId = (this.#nextId + 1) >>> 0;
    this.#channels.set(channel.id, channel);
    return channel;
  }

  /** The open channel with this number. Throws `malformed` if there is none. */
  #channel(id: number): Channel {
    const channel = this.#channels.get(id);
    if (channel === undefined || this.#opening.has(id)) {
      throw new Fault("malformed", "an SSH message is for a channel that is not open");
    }
    return channel;
  }

  #receiveOpen(bytes: Uint8Array): void {
    const { type, sender, window, maxPacket: packet, payload } = channelOpen.decode(bytes);
    let accepted = false;
    const accept = (): Channel => {
      if (accepted) throw new Fault("internal", "an SSH channel is accepted twice");
      if (this.#closed !== undefined) throw this.#closed;
      accepted = true;
      this.#accepting--;
      const channel = this.#create(type);
      this.send(
        channelOpenConfirmation.encode({
          ...{ recipient: sender, sender: channel.id },
          ...{ window: channel.window, maxPacket, payload: empty.encode({}) },
        }),
      );
      channel.opened(sender, window, packet);
      return channel;
    };
    const refuse = (error: unknown): void => {
      if (accepted) {
        this.fail(error);
        return;
      }
      const failure = describeOpenFailure(error);
      this.send(channelOpenFailure.encode({ recipient: sender, language: "", ...failure }));
    };
    if (this.#channels.size + this.#accepting >= channelLimit) {
      refuse(new Fault("limit", "too many channels"));
      return;
    }
    this.#accepting++;
    this.#runHandler({ type, payload, accept })
      .then(() => {
        if (!accepted) refuse(unknownType());
      })
      .catch(refuse)
      .finally(() => {
        if (!accepted) this.#accepting--;
      });
  }

  async #runHandler(channel: IncomingChannel): Promise<void> {
    await this.#handler.open(channel);
  }

  #receiveConfirmation(bytes: Uint8Array): void {
    const { recipient, sender, window, maxPacket: packet } = channelOpenConfirmation.decode(bytes);
    const { opening, channel } = this.#takeOpening(recipient);
    channel.opened(sender, window, packet);
    opening.resolve(channel);
  }

  #receiveOpenFailure(bytes: Uint8Array): void {
    const { recipient, reason, description } = channelOpenFailure.decode(bytes);
    const { opening } = this.#takeOpening(recipient);
    this.#channels.delete(recipient);
    opening.reject(channelRefused(reason, description));
  }

  #takeOpening(id: number): { opening: PromiseWithResolvers<Channel>; channel: Channel } {
    const opening = this.#opening.get(id);
    const channel = this.#channels.get(id);
    if (opening === undefined || channel === undefined) {
      throw new Fault("malformed", "an answer comes to an SSH channel that was not asked for");
    }
    this.#opening.delete(id);
    return { opening, channel };
  }

  #receiveGlobalRequest(bytes: Uint8Array): void {
    const { name, wantReply, payload } = globalRequest.decode(bytes);
    this.#incoming.add(
      async () => await this.#handler.globalRequest({ name, payload }),
      (answer) => {
        if (!wantReply) return;
        this.send(
          answer === false ? requestFailure.encode({}) : requestSuccess.encode({ payload: answer }),
        );
      },
    );
  }

  #receiveReply(payload: Uint8Array | undefined): void {
    const resolve = this.#replies.shift();
    if (resolve === undefined) throw new Fault("malformed", "an answer comes to no SSH request");
    resolve(payload);
  }
}

/** For channel types that nobody handles. */
export function unknownType(): Fault {
  return new Fault("unimplemented", "unknown channel type");
}
