/**
 * The SSH transport (RFC 4253) with strict key exchange (OpenSSH PROTOCOL section 1.10, the answer to
 * CVE-2023-48795), extension negotiation (RFC 8308) and rekeying, for either role, over any duplex stream.
 *
 * Messages from 50 on, and service messages, go to the {@link TransportHandler}. Who the peer is allowed to be
 * is decided by `verifyHost` (client) and by auth/ (server).
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { hostKeyAlgorithms, signatureAlgorithms } from "../algorithms.ts";
import {
  disconnect,
  extInfo,
  ignore,
  kexClient,
  kexInit,
  kexServer,
  newKeys,
  ping,
  pong,
  unimplemented,
} from "../messages/transport.ts";
import type { StartTimer } from "../timer.ts";
import { describeFailure, disconnected, disconnectReason } from "./disconnect.ts";
import {
  agree,
  answerHandshake,
  beginHandshake,
  finishHandshake,
  type HandshakeKeys,
  type HandshakeStart,
} from "./handshake.ts";
import { type HostKey, hostKeyOffer, type PresentedHostKey } from "./host-key.ts";
import type { ClientShare } from "./key-exchange.ts";
import { keyExchangeNames } from "./key-exchange.ts";
import { type Agreed, createKexInit, marker, type Offer } from "./negotiation.ts";
import { cipherNames, type PacketCipher } from "./packet-cipher.ts";
import { PacketStream } from "./packet-stream.ts";
import { assertVersion } from "./version.ts";

/** What both roles are given. */
export interface TransportSettings {
  /** Our version line, such as "SSH-2.0-Gatehouse_1.0". */
  readonly version: string;
  readonly random: Random;
  readonly startTimer: StartTimer;
  /** Names to offer instead of all that we have, preferred first. */
  readonly algorithms?: Partial<Offer>;
  /** New keys after this many bytes in both directions. Default 1 GiB. */
  readonly rekeyBytes?: number;
  /** New keys after this time. Default one hour. */
  readonly rekeyMs?: number;
}

/** The role with what only it has. */
export type TransportRole =
  | { readonly role: "server"; readonly hostKeys: readonly HostKey[] }
  | {
      readonly role: "client";
      /** Returns if the host key is the right one, otherwise throws. Called in every key exchange. */
      readonly verifyHost: (presented: PresentedHostKey) => void | Promise<void>;
    };

/** What a transport tells its owner. A throw out of `message` ends the connection. */
export interface TransportHandler {
  /** The first key exchange is done. */
  ready(): void;
  message(number: number, payload: Uint8Array): void;
  /** {@link Transport.writable} may have become true. */
  writable(): void;
  /** Called once. `fault` tells why, also for an orderly end by the peer. */
  closed(fault: Fault): void;
}

const defaults = { rekeyBytes: 2 ** 30, rekeyMs: 3_600_000 };
/** How long the peer may take to close its side after we closed ours. */
const lingerMs = 2000;
/** Messages that may wait for the end of a key exchange. */
const queueLimit = 4096;

/** Message numbers from here on belong to services (RFC 4250 section 4.1.2). */
const firstServiceNumber = 50;

/** One connection's transport. Starts to talk when constructed. */
export class Transport {
  readonly #settings: TransportSettings;
  readonly #role: TransportRole;
  readonly #handler: TransportHandler;
  readonly #stream: PacketStream;
  readonly #rekeyBytes: number;
  #peerVersion: string | undefined;
  #sessionId: Uint8Array | undefined;
  #peerSignatureAlgorithms: readonly string[] | undefined;
  /** Set from our KEXINIT until new keys are in use both ways. */
  #ownInit: Uint8Array | undefined;
  #peerInit: Uint8Array | undefined;
  #agreed: Agreed | undefined;
  #share: ClientShare | undefined;
  #skipGuess = false;
  #nextOpener: PacketCipher | undefined;
  #strict = false;
  #peerWantsExtensions = false;
  #first = true;
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
    this.#role = role;
    this.#handler = handler;
    this.#rekeyBytes = settings.rekeyBytes ?? defaults.rekeyBytes;
    this.#stream = new PacketStream(socket, role.role, settings.random, {
      version: (line) => {
        this.#peerVersion = line;
      },
      packet: (payload) => this.#receive(payload),
      drained: () => this.#handler.writable(),
      failed: (error) => this.fail(error),
      ended: () => this.#finish(new Fault("unavailable", "the SSH peer closed the connection")),
    });
    this.#stream.writeVersion(settings.version);
    this.#sendKexInit();
  }

  /** The hash of the first key exchange, which authentication signs. Throws before that. */
  get sessionId(): Uint8Array {
    if (this.#sessionId === undefined)
      throw protocolFault("a message comes before the key exchange");
    return this.#sessionId;
  }

  /** The peer's version line, once known. */
  get peerVersion(): string | undefined {
    return this.#peerVersion;
  }

  /** What was agreed in the latest key exchange. */
  get agreed(): Agreed | undefined {
    return this.#agreed;
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
    return this.#ownInit === undefined && this.#stream.writable;
  }

  /** Sends a message. During a key exchange it waits for the end of it. */
  send(payload: Uint8Array): void {
    if (this.#closed) return;
    if (this.#ownInit === undefined) {
      this.#write(payload);
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
    if (this.#ownInit === undefined && !this.#closed) this.#sendKexInit();
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
    if (this.#skipGuess && number >= kexClient.number && number < firstServiceNumber) {
      this.#skipGuess = false;
      return;
    }
    this.#assertExpected(number);
    switch (number) {
      case disconnect.number: {
        const { reason, description } = disconnect.decode(payload);
        this.#finish(disconnected(reason, description));
        return;
      }
      case ignore.number:
      case unimplemented.number:
      case 4: // DEBUG, which nobody reads
        return;
      case extInfo.number:
        this.#receiveExtensions(payload);
        return;
      case kexInit.number:
        this.#receiveKexInit(payload);
        return;
      case kexClient.number:
        this.#receiveShare(payload);
        return;
      case kexServer.number:
        this.#receiveAnswer(payload);
        return;
      case newKeys.number:
        this.#receiveNewKeys(payload);
        return;
      case ping.number:
        this.send(pong.encode(ping.decode(payload)));
        break;
      case pong.number:
        break;
      default:
        if (number > 6 && number < firstServiceNumber) {
          throw protocolFault(`message ${number} is not expected`);
        }
        this.#handler.message(number, payload);
    }
    this.#rekeyIfDue();
  }

  /** The order of messages (RFC 4253 section 7.1; strict key exchange: nothing else during the first one). */
  #assertExpected(number: number): void {
    const exchange = number >= kexInit.number && number < firstServiceNumber;
    const general = number >= disconnect.number && number <= 4;
    if (exchange || number === disconnect.number) return;
    if (this.#first && (this.#strict || !general)) {
      throw protocolFault(`message ${number} during the key exchange`);
    }
    if (this.#peerInit !== undefined && !general) {
      throw protocolFault(`message ${number} during the key exchange`);
    }
  }

  #receiveExtensions(payload: Uint8Array): void {
    const names = extInfo.decode(payload).extensions.get("server-sig-algs");
    if (names === undefined || this.#role.role === "server") return;
    this.#peerSignatureAlgorithms = Buffer.from(names).toString("latin1").split(",");
  }

  #offer(): Offer {
    const { role } = this.#role;
    const own = this.#role.role === "server" ? hostKeyOffer(this.#role.hostKeys) : undefined;
    const { keyExchange, hostKey, cipher } = this.#settings.algorithms ?? {};
    return {
      keyExchange: keyExchange ?? keyExchangeNames,
      hostKey:
        role === "server"
          ? (own ?? []).filter((name) => hostKey?.includes(name) ?? true)
          : (hostKey ?? hostKeyAlgorithms),
      cipher: cipher ?? cipherNames,
    };
  }

  #sendKexInit(): void {
    this.#cancelTimer();
    const client = this.#role.role === "client";
    const markers = client ? [marker.strictClient, marker.extInfoClient] : [marker.strictServer];
    const init = createKexInit(this.#offer(), this.#first ? markers : [], this.#settings.random);
    this.#ownInit = kexInit.encode(init);
    this.#write(this.#ownInit);
  }

  #receiveKexInit(payload: Uint8Array): void {
    if (this.#peerInit !== undefined) throw protocolFault("a key exchange begins within another");
    this.#peerInit = payload;
    if (this.#ownInit === undefined) this.#sendKexInit();
    if (this.#first) {
      const { keyExchange } = kexInit.decode(payload);
      const client = this.#role.role === "client";
      this.#strict = keyExchange.includes(client ? marker.strictServer : marker.strictClient);
      this.#peerWantsExtensions = !client && keyExchange.includes(marker.extInfoClient);
      if (this.#strict && this.#stream.received !== 1) {
        throw protocolFault("the key exchange is not the first message");
      }
    }
    const { agreed, skipGuess } = agree(this.#role.role, this.#start());
    this.#agreed = agreed;
    this.#skipGuess = skipGuess;
    if (this.#role.role === "server") return;
    const { share, request } = beginHandshake(agreed);
    this.#share = share;
    this.#write(request);
  }

  #start(): HandshakeStart {
    const { version: ownVersion } = this.#settings;
    if (this.#peerVersion === undefined || this.#peerInit === undefined) {
      throw protocolFault("the key exchange has not begun");
    }
    if (this.#ownInit === undefined) throw protocolFault("the key exchange has not begun");
    return {
      ...{ ownVersion, peerVersion: this.#peerVersion },
      ...{ ownInit: this.#ownInit, peerInit: this.#peerInit },
    };
  }

  /** Server: the client's share. Messages wait until the signature is there, which may be made elsewhere. */
  #receiveShare(payload: Uint8Array): void {
    const role = this.#role;
    const agreed = this.#agreed;
    if (role.role !== "server" || agreed === undefined || this.#nextOpener !== undefined) {
      throw protocolFault("message 30 is not expected");
    }
    const start = this.#start();
    this.#suspend(async () => {
      const { reply, keys } = await answerHandshake(start, agreed, role.hostKeys, payload);
      return () => {
        this.#write(reply);
        this.#useKeys(keys);
      };
    });
  }

  /** Client: the server's answer. Messages wait until the host key is judged. */
  #receiveAnswer(payload: Uint8Array): void {
    const role = this.#role;
    const agreed = this.#agreed;
    const share = this.#share;
    if (role.role !== "client" || agreed === undefined || share === undefined) {
      throw protocolFault("message 31 is not expected");
    }
    this.#share = undefined;
    const { hostKey, keys } = finishHandshake(this.#start(), agreed, share, payload);
    this.#suspend(async () => {
      await role.verifyHost(hostKey);
      return () => this.#useKeys(keys);
    });
  }

  /** Runs an asynchronous step while no message is handed out, then what it returns. */
  #suspend(step: () => Promise<() => void>): void {
    this.hold();
    step()
      .then((finish) => {
        if (this.#closed) return;
        finish();
        this.release();
      })
      .catch((error: unknown) => this.fail(error));
  }

  #useKeys(keys: HandshakeKeys): void {
    this.#sessionId ??= keys.exchangeHash;
    const { toServer, toClient } = keys.ciphers(this.#sessionId);
    const server = this.#role.role === "server";
    this.#write(newKeys.encode({}));
    this.#stream.setSealer(server ? toClient : toServer);
    this.#nextOpener = server ? toServer : toClient;
    if (this.#first && this.#peerWantsExtensions) {
      const names = Buffer.from(signatureAlgorithms.join(","));
      const extensions = new Map([
        ["server-sig-algs", names],
        ["ping@openssh.com", Buffer.from("0")],
      ]);
      this.#write(extInfo.encode({ extensions }));
    }
  }

  #receiveNewKeys(payload: Uint8Array): void {
    newKeys.decode(payload);
    const opener = this.#nextOpener;
    if (opener === undefined) throw protocolFault("new keys come before the key exchange");
    this.#stream.setOpener(opener);
    if (this.#strict) this.#stream.resetReceived();
    const first = this.#first;
    this.#first = false;
    this.#nextOpener = undefined;
    this.#ownInit = undefined;
    this.#peerInit = undefined;
    this.#stream.bytes = 0;
    const rekeyMs = this.#settings.rekeyMs ?? defaults.rekeyMs;
    this.#cancelTimer = this.#settings.startTimer(rekeyMs, () => this.rekey());
    const queue = this.#queue;
    this.#queue = [];
    for (const waiting of queue) this.send(waiting);
    if (first) this.#handler.ready();
    this.#handler.writable();
  }

  #rekeyIfDue(): void {
    if (this.#stream.bytes > this.#rekeyBytes) this.rekey();
  }
}

function protocolFault(what: string): Fault {
  return new Fault("malformed", `the SSH peer breaks the protocol: ${what}`);
}
