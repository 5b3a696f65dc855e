/**
 * A channel (RFC 4254 section 5): a duplex stream within a connection, with a second one beside it for standard
 * error. Flow control follows the reader: the peer is granted more only as data is consumed.
 *
 * `end()` sends EOF, `close()` sends what is written and then EOF and CLOSE, `destroy()` drops what is not sent.
 * Once the peer has closed, writes are dropped without an error, as on a pipe whose reader has gone by choice.
 * When the connection is lost, both streams are destroyed and {@link Channel.whenClosed} resolves.
 */
import { Duplex } from "node:stream";
import { discard } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import {
  channelClose,
  channelDataHead,
  channelEof,
  channelExtendedDataHead,
  channelFailure,
  channelRequest,
  channelSuccess,
  channelWindowAdjust,
} from "../messages/connection.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

/** What a channel needs of its connection. */
export interface ChannelLink {
  /** True while data may be sent. */
  readonly writable: boolean;
  send(payload: Uint8Array): void;
  sendData(head: Uint8Array, data: Uint8Array): void;
  /** Calls the channel's `flush` once `writable` becomes true again. */
  wait(channel: Channel): void;
  /** The channel is closed both ways; its number is free. */
  released(channel: Channel): void;
  fail(error: unknown): void;
}

/** A request of the peer on a channel. */
export interface IncomingRequest {
  readonly name: string;
  readonly payload: Uint8Array;
}

/** Answers a request: true is success, false or a throw is failure. Answers go out in the order of the requests. */
export type RequestHandler = (request: IncomingRequest) => boolean | Promise<boolean>;

/** Takes a chunk of the peer's data. `free` tells, once, that it has been used: its memory is gone from then on. */
export type ChannelConsumer = (data: Uint8Array, free: () => void) => void;

/** RFC 4254 section 5.2: the only type of extended data. */
export const stderrType = 1;

const readBuffer = 65_536;
const writeBuffer = 262_144;
/** At most around the data in a packet: lengths, types, a channel (RFC 4254 section 5.2) and padding (RFC 4253 section 6). */
const packetFraming = 1 + 1 + 4 + 4 + 4 + 255;

interface PendingWrite {
  bytes: Uint8Array;
  readonly done: () => void;
}

/** One of the two streams of a channel. */
class ChannelStream extends Duplex {
  readonly #consumed: () => void;
  readonly #flush: () => void;
  #pending: PendingWrite | undefined;

  constructor(consumed: () => void, flush: () => void) {
    super({
      allowHalfOpen: true,
      autoDestroy: false,
      readableHighWaterMark: readBuffer,
      writableHighWaterMark: writeBuffer,
    });
    this.#consumed = consumed;
    this.#flush = flush;
  }

  get pending(): PendingWrite | undefined {
    return this.#pending;
  }

  override _read(): void {
    this.#consumed();
  }

  override _write(bytes: Uint8Array, _encoding: string, callback: () => void): void {
    const done = (): void => {
      this.#pending = undefined;
      callback();
    };
    this.#pending = { bytes, done };
    this.#flush();
  }
}

/** Runs `then` after all that was written to a stream; a stream that is destroyed has nothing left. */
function whenFlushed(stream: Duplex, then: () => void): void {
  if (stream.destroyed || stream.writableFinished) then();
  else if (stream.writableEnded) stream.once("finish", then);
  else stream.write("", () => then());
}

/** One channel. Made by the connection. */
export class Channel extends ChannelStream {
  readonly id: number;
  readonly type: string;
  /** Extended data: what the peer writes to standard error is read here, and the other way round. */
  readonly stderr: Duplex;
  /** Resolves when the channel is closed both ways or the connection is gone. Never rejects. */
  readonly whenClosed: Promise<void>;
  /** Answers the peer's requests. Without it all of them fail. */
  onRequest: RequestHandler | undefined;
  readonly #link: ChannelLink;
  readonly #stderr: ChannelStream;
  readonly #receive: ReceiveWindow;
  readonly #incoming: ReplyQueue;
  #send = new SendWindow(0, 0);
  #peer = 0;
  #take: ChannelConsumer | undefined;
  /** Bytes that the consumer has not freed yet. */
  #taken = 0;
  #replies: ((success: boolean) => void)[] = [];
  #sentEof = false;
  #sentClose = false;
  #gotEof = false;
  #gotClose = false;
  #released = false;
  #resolveClosed: () => void = () => {};

  constructor(link: ChannelLink, id: number, type: string, window: number) {
    super(
      () => this.#grant(),
      () => this.flush(),
    );
    this.#link = link;
    this.#receive = new ReceiveWindow(window);
    this.id = id;
    this.type = type;
    this.#stderr = new ChannelStream(
      () => this.#grant(),
      () => this.flush(),
    );
    this.stderr = this.#stderr;
    this.#incoming = new ReplyQueue((error) => link.fail(error));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whenClosed = promise;
    this.#resolveClosed = resolve;
  }

  /** What the peer may send before we grant more. For the connection. */
  get window(): number {
    return this.#receive.size;
  }

  /** Asks the peer for something. Resolves to its answer; to false if the channel closes before. */
  request(name: string, payload: Uint8Array): Promise<boolean> {
    if (this.#sentClose || this.#gotClose) return Promise.resolve(false);
    this.#sendRequest(name, payload, true);
    return new Promise((resolve) => this.#replies.push(resolve));
  }

  /** Tells the peer something that it does not answer. */
  notify(name: string, payload: Uint8Array): void {
    if (!this.#sentClose) this.#sendRequest(name, payload, false);
  }

  /**
   * Hands the peer's data to `take` as it comes. The stream then only tells the end. Cheaper than reading the stream, where
   * much passes: memory comes back at once instead of through the collector. The peer is granted more as chunks are freed.
   */
  consume(take: ChannelConsumer): void {
    this.#take = take;
    for (let early = this.read(); early !== null; early = this.read()) take(early, () => {});
    this.resume();
  }

  /** Runs `then` once everything written so far has been sent, or dropped because the peer has gone. */
  whenFlushed(then: () => void): void {
    whenFlushed(this.#stderr, () => whenFlushed(this, then));
  }

  /** Sends what was written, EOF and CLOSE. */
  close(): void {
    if (this.#sentClose) return;
    const finish = (): void => this.#sendClose();
    if (this.writableFinished) finish();
    else this.end(finish);
  }

  /** The peer has confirmed, or asked for, the channel. For the connection. */
  opened(peer: number, window: number, packet: number): void {
    this.#peer = peer;
    this.#send = new SendWindow(window, packet);
    this.flush();
  }

  /** Sends what is written and allowed. For the connection. */
  flush(): void {
    this.#flushStream(this.#stderr, stderrType);
    this.#flushStream(this, 0);
  }

  /** Data of the peer. For the connection. */
  receiveData(data: Uint8Array): void {
    this.#receiveInto(this, data);
  }

  /** Extended data of the peer; types that nobody knows are dropped. For the connection. */
  receiveExtendedData(type: number, data: Uint8Array): void {
    this.#receiveInto(type === stderrType ? this.#stderr : undefined, data);
  }

  /** A grant of the peer. For the connection. */
  receiveWindow(bytes: number): void {
    this.#send.add(bytes);
    this.flush();
  }

  /** The peer sends no more. For the connection. */
  receiveEof(): void {
    if (this.#gotEof) return;
    this.#gotEof = true;
    for (const stream of [this, this.#stderr]) if (!stream.destroyed) stream.push(null);
  }

  /** The peer is done with the channel. For the connection. */
  receiveClose(): void {
    if (this.#gotClose) throw new Fault("malformed", "an SSH channel is closed twice");
    this.receiveEof();
    this.#gotClose = true;
    this.#dropWrites();
    this.#sendClose();
    this.#release();
  }

  /** A request of the peer. For the connection. */
  receiveRequest(name: string, wantReply: boolean, payload: Uint8Array): void {
    this.#incoming.add(
      async () => (await this.onRequest?.({ name, payload })) ?? false,
      (success) => {
        if (!wantReply || this.#sentClose) return;
        const reply = success ? channelSuccess : channelFailure;
        this.#link.send(reply.encode({ recipient: this.#peer }));
      },
    );
  }

  /** The peer's answer to the oldest request. For the connection. */
  receiveReply(success: boolean): void {
    const resolve = this.#replies.shift();
    if (resolve === undefined) throw new Fault("malformed", "an answer comes to no SSH request");
    resolve(success);
  }

  /** The connection is gone. For the connection. */
  abandon(): void {
    this.#sentClose = true;
    this.#gotClose = true;
    this.#dropWrites();
    this.#release();
    this.destroy();
  }

  override _final(callback: () => void): void {
    // EOF ends both streams, so what was written to standard error goes first; what comes later is dropped.
    whenFlushed(this.#stderr, () => {
      this.#sendEof();
      callback();
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#dropWrites();
    this.#sendClose();
    this.#stderr.destroy();
    callback(error);
  }

  #receiveInto(stream: ChannelStream | undefined, data: Uint8Array): void {
    if (this.#gotEof) throw new Fault("malformed", "SSH channel data comes after its end");
    this.#receive.take(data.length);
    if (stream === undefined || stream.destroyed || data.length === 0) this.#grant();
    else if (stream === this && this.#take !== undefined) this.#handOver(this.#take, data);
    else {
      stream.push(data);
      this.#grant();
    }
  }

  #handOver(take: ChannelConsumer, data: Uint8Array): void {
    const { length } = data;
    this.#taken += length;
    take(data, () => {
      if (data.length < length) return;
      // A message of data is alone in the memory of its decrypted packet.
      discard(data, packetFraming);
      this.#taken -= length;
      this.#grant();
    });
  }

  #flushStream(stream: ChannelStream, extendedType: number): void {
    let pending = stream.pending;
    while (pending !== undefined) {
      if (this.#gotClose || this.#sentEof || this.#sentClose) {
        pending.done();
        return;
      }
      if (!this.#link.writable) {
        this.#link.wait(this);
        return;
      }
      const length = this.#send.take(pending.bytes.length);
      if (length === 0 && pending.bytes.length > 0) return;
      const part = pending.bytes.subarray(0, length);
      pending.bytes = pending.bytes.subarray(length);
      if (length > 0) this.#link.sendData(this.#head(extendedType, length), part);
      if (pending.bytes.length === 0) {
        pending.done();
        pending = stream.pending;
      }
    }
  }

  #head(type: number, length: number): Uint8Array {
    const recipient = this.#peer;
    return type === 0
      ? channelDataHead.encode({ recipient, length })
      : channelExtendedDataHead.encode({ recipient, type, length });
  }

  /** Grants the peer what its reader has consumed. */
  #grant(): void {
    if (this.#gotEof || this.#sentClose) return;
    const waiting = this.readableLength + this.#taken + this.#stderr.readableLength;
    const unread = this.destroyed ? 0 : waiting;
    const bytes = this.#receive.grant(unread);
    if (bytes > 0) this.#link.send(channelWindowAdjust.encode({ recipient: this.#peer, bytes }));
  }

  #sendRequest(name: string, payload: Uint8Array, wantReply: boolean): void {
    this.#link.send(channelRequest.encode({ recipient: this.#peer, name, wantReply, payload }));
  }

  #sendEof(): void {
    if (this.#sentEof || this.#sentClose) return;
    this.#sentEof = true;
    this.#link.send(channelEof.encode({ recipient: this.#peer }));
  }

  #sendClose(): void {
    if (this.#sentClose) return;
    this.#sentClose = true;
    this.#link.send(channelClose.encode({ recipient: this.#peer }));
    this.#release();
  }

  #dropWrites(): void {
    this.pending?.done();
    this.#stderr.pending?.done();
  }

  #release(): void {
    if (!this.#sentClose || !this.#gotClose || this.#released) return;
    this.#released = true;
    for (const resolve of this.#replies.splice(0)) resolve(false);
    this.#link.released(this);
    this.#resolveClosed();
    this.#destroyWhenRead();
  }

  /** Frees the streams once their readers have seen everything. */
  #destroyWhenRead(): void {
    if (this.destroyed) return;
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }
}
