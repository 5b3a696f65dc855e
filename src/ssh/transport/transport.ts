/**
 * The SSH transport (RFC 4253) for either role, over any duplex stream: key exchanges, extension negotiation
 * (RFC 8308), when to agree on new keys, and the end of the connection.
 *
 * Messages from 50 on, and service messages, go to the {@link TransportHandler}. Who the peer is allowed to be
 * is decided by `verifyHost` (client) and by auth/ (server).
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { MessageHandler } from "../connection/message-transport.ts";
import {
  debug,
  disconnect,
  extInfo,
  ignore,
  ping,
  pong,
  serviceAccept,
  unimplemented,
} from "../messages/transport.ts";
import type { StartTimer } from "../timer.ts";
import { describeFailure, disconnected, disconnectReason } from "./disconnect.ts";
import {
  type ExchangeLink,
  type ExchangeSettings,
  firstServiceNumber,
  KeyExchanges,
  protocolFault,
  type TransportRole,
} from "./key-exchanges.ts";
import type { Agreed } from "./negotiation.ts";
import { PacketStream } from "./packet-stream.ts";
import { assertVersion } from "./version.ts";

/** What both roles are given. `version` is our version line, such as "SSH-2.0-Gatehouse_1.0". */
export interface TransportSettings extends ExchangeSettings {
  readonly startTimer: StartTimer;
  /** New keys after this many bytes in both directions. Default 1 GiB. */
  readonly rekeyBytes?: number;
  /** New keys after this time. Default one hour. */
  readonly rekeyMs?: number;
}

/** What a transport tells its owner, from the first message of authentication on. */
export interface TransportHandler extends MessageHandler {
  /** The first key exchange is done. */
  ready(): void;
}

const defaults = { rekeyBytes: 2 ** 30, rekeyMs: 3_600_000 };
/** How long the peer may take to close its side after we closed ours. */
const lingerMs = 2000;
/** Messages that may wait for the end of a key exchange. */
const queueLimit = 4096;

/** One connection's transport. Starts to talk when constructed. */
export class Transport {
  readonly #settings: TransportSettings;
  readonly #role: TransportRole["role"];
  readonly #handler: TransportHandler;
  readonly #stream: PacketStream;
  readonly #exchanges: KeyExchanges;
  #peerSignatureAlgorithms: readonly string[] | undefined;
  #closed = false;
  #queue: Uint8Array[] = [];
  #cancelTimer: () => void = () => {};

  constructor(
    socket: Duplex,
    role: TransportRole,
    settings: TransportSettings,
    handler: TransportHandler,
  ) {
    assertVersion(settings.version);
    this.#settings = settings;
    this.#role = role.role;
    this.#handler = handler;
    this.#stream = new PacketStream(socket, role.role, settings.random, {
      version: (line) => {
        this.#exchanges.peerVersion = line;
      },
      packet: (payload) => this.#receive(payload),
      drained: () => this.#handler.writable(),
      failed: (error) => this.fail(error),
      ended: () => this.#finish(new Fault("unavailable", "the SSH peer closed the connection")),
    });
    const link: ExchangeLink = {
      stream: this.#stream,
      isClosed: () => this.#closed,
      write: (payload) => this.#write(payload),
      exchanged: (first) => this.#exchanged(first),
      fail: (error) => this.fail(error),
    };
    this.#exchanges = new KeyExchanges(link, role, settings);
    this.#stream.writeVersion(settings.version);
    this.#exchanges.begin();
  }

  /** The hash of the first key exchange, which authentication signs. Throws before that. */
  get sessionId(): Uint8Array {
    return this.#exchanges.sessionId;
  }

  /** The peer's version line, once known. */
  get peerVersion(): string | undefined {
    return this.#exchanges.peerVersion;
  }

  /** What was agreed in the latest key exchange. */
  get agreed(): Agreed | undefined {
    return this.#exchanges.agreed;
  }

  /** The names in `server-sig-algs` (RFC 8308 section 3.1), if the server sent them. */
  get peerSignatureAlgorithms(): readonly string[] | undefined {
    return this.#peerSignatureAlgorithms;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True while channel data may be sent: no key exchange is running and little waits in the stream. */
  get writable(): boolean {
    return !this.#exchanges.running && this.#stream.writable;
  }

  /** Sends a message. During a key exchange it waits for the end of it. */
  send(payload: Uint8Array): void {
    if (this.#closed) return;
    if (!this.#exchanges.running) {
      this.#write(payload);
      this.#rekeyIfDue();
    } else if (this.#queue.length < queueLimit) {
      this.#queue.push(payload);
    } else {
      this.fail(new Fault("limit", "the SSH peer does not finish the key exchange"));
    }
  }

  /** Sends a message in two parts, the second not copied. Only while {@link writable}. */
  sendData(head: Uint8Array, data: Uint8Array): void {
    this.#write(head, data);
    this.#rekeyIfDue();
  }

  /** Hands out no message until {@link release}. */
  hold(): void {
    this.#stream.hold();
  }

  release(): void {
    this.#stream.release();
  }

  /** Starts a key exchange, unless one is running. */
  rekey(): void {
    if (this.#exchanges.running || this.#closed) return;
    this.#cancelTimer();
    this.#exchanges.begin();
  }

  /** Tells the peer that we do not know the message that it just sent (RFC 4253 section 11.4). */
  sendUnimplemented(): void {
    const sequenceNumber = (this.#stream.received - 1) >>> 0;
    this.send(unimplemented.encode({ sequenceNumber }));
  }

  /** Ends the connection in good order. */
  close(description = "closed"): void {
    this.#shutDown(
      disconnectReason.byApplication,
      description,
      new Fault("canceled", "the SSH connection was closed"),
    );
  }

  /** Ends the connection because of a failure: what a peer did wrong, or a bug of ours. */
  fail(error: unknown): void {
    const { reason, description } = describeFailure(error);
    const fault =
      error instanceof Fault
        ? error
        : new Fault("internal", "the SSH connection failed", { cause: error });
    this.#shutDown(reason, description, fault);
  }

  #shutDown(reason: number, description: string, fault: Fault): void {
    if (this.#closed) return;
    try {
      this.#stream.write(disconnect.encode({ reason, description, language: "" }));
    } catch {
      // A peer that does not read gets no farewell; the fault already says why.
    }
    this.#finish(fault);
  }

  #finish(fault: Fault): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    this.#queue = [];
    this.#stream.close();
    this.#settings.startTimer(lingerMs, () => this.#stream.destroy());
    this.#handler.closed(fault);
  }

  #write(payload: Uint8Array, data?: Uint8Array): void {
    try {
      this.#stream.write(payload, data);
    } catch (error) {
      this.fail(error);
    }
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0] ?? 0;
    if (this.#exchanges.receive(number, payload)) return;
    switch (number) {
      case disconnect.number: {
        const { reason, description } = disconnect.decode(payload);
        this.#finish(disconnected(reason, description));
        return;
      }
      case ignore.number:
      case debug.number:
      case unimplemented.number:
      case pong.number:
        break;
      case extInfo.number:
        this.#receiveExtensions(payload);
        break;
      case ping.number:
        this.send(pong.encode(ping.decode(payload)));
        break;
      default:
        if (number > serviceAccept.number && number < firstServiceNumber) {
          throw protocolFault(`message ${number} is not expected`);
        }
        this.#handler.message(number, payload);
    }
    this.#rekeyIfDue();
  }

  #receiveExtensions(payload: Uint8Array): void {
    const names = extInfo.decode(payload).extensions.get("server-sig-algs");
    if (names === undefined || this.#role === "server") return;
    this.#peerSignatureAlgorithms = Buffer.from(names).toString("latin1").split(",");
  }

  /** New keys are in use: what waited for them goes out. */
  #exchanged(first: boolean): void {
    const rekeyMs = this.#settings.rekeyMs ?? defaults.rekeyMs;
    this.#cancelTimer();
    this.#cancelTimer = this.#settings.startTimer(rekeyMs, () => this.rekey());
    const queue = this.#queue;
    this.#queue = [];
    for (const waiting of queue) this.send(waiting);
    if (first) this.#handler.ready();
    this.#handler.writable();
  }

  #rekeyIfDue(): void {
    if (this.#stream.bytes > (this.#settings.rekeyBytes ?? defaults.rekeyBytes)) this.rekey();
  }
}
