/**
 * All key exchanges of one connection (RFC 4253 sections 7 to 9): the first, which is strict where the peer can
 * (OpenSSH PROTOCOL section 1.10, the answer to CVE-2023-48795), and the later ones for new keys. Switches the
 * ciphers of the packet stream. When to start a later one is the transport's decision.
 */
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { hostKeyAlgorithms, signatureAlgorithms } from "../algorithms.ts";
import {
  disconnect,
  extInfo,
  kexClient,
  kexInit,
  kexServer,
  newKeys,
} from "../messages/transport.ts";
import {
  agree,
  answerHandshake,
  beginHandshake,
  finishHandshake,
  type HandshakeKeys,
  type HandshakeStart,
} from "./handshake.ts";
import { type HostKey, hostKeyOffer, type PresentedHostKey } from "./host-key.ts";
import { type ClientShare, keyExchangeNames } from "./key-exchange.ts";
import { type Agreed, createKexInit, marker, type Offer } from "./negotiation.ts";
import { cipherNames, type PacketCipher } from "./packet-cipher.ts";
import type { PacketStream } from "./packet-stream.ts";

/** The role with what only it has. */
export type TransportRole =
  | { readonly role: "server"; readonly hostKeys: readonly HostKey[] }
  | {
      readonly role: "client";
      /** Returns if the host key is the right one, otherwise throws. Called in every key exchange. */
      readonly verifyHost: (presented: PresentedHostKey) => void | Promise<void>;
    };

/** What key exchanges are made with. */
export interface ExchangeSettings {
  /** Our version line. */
  readonly version: string;
  readonly random: Random;
  /** Names to offer instead of all that we have, preferred first. */
  readonly algorithms?: Partial<Offer>;
}

/** What key exchanges need of their transport. */
export interface ExchangeLink {
  readonly stream: PacketStream;
  isClosed(): boolean;
  write(payload: Uint8Array): void;
  /** New keys are in use both ways. */
  exchanged(first: boolean): void;
  fail(error: unknown): void;
}

/** Message numbers of key exchanges are 20 to 49 (RFC 4250 section 4.1.2). */
export const firstServiceNumber = 50;
const debugNumber = 4;

/** The key exchanges of one connection, one at a time. */
export class KeyExchanges {
  /** The peer's version line, once known. */
  peerVersion: string | undefined;
  readonly #link: ExchangeLink;
  readonly #role: TransportRole;
  readonly #settings: ExchangeSettings;
  #sessionId: Uint8Array | undefined;
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

  constructor(link: ExchangeLink, role: TransportRole, settings: ExchangeSettings) {
    this.#link = link;
    this.#role = role;
    this.#settings = settings;
  }

  /** True from our KEXINIT until new keys are in use: no message but those of the exchange may be sent. */
  get running(): boolean {
    return this.#ownInit !== undefined;
  }

  /** The hash of the first exchange. Throws `malformed` before it is known. */
  get sessionId(): Uint8Array {
    if (this.#sessionId === undefined)
      throw protocolFault("a message comes before the key exchange");
    return this.#sessionId;
  }

  /** What was agreed on last. */
  get agreed(): Agreed | undefined {
    return this.#agreed;
  }

  /** Sends our KEXINIT. */
  begin(): void {
    const client = this.#role.role === "client";
    const markers = client ? [marker.strictClient, marker.extInfoClient] : [marker.strictServer];
    const init = createKexInit(this.#offer(), this.#first ? markers : [], this.#settings.random);
    this.#ownInit = kexInit.encode(init);
    this.#link.write(this.#ownInit);
  }

  /**
   * Takes a message if it belongs to an exchange: true if nobody else should see it. Throws `malformed` for any
   * message that may not come now (RFC 4253 section 7.1).
   */
  receive(number: number, payload: Uint8Array): boolean {
    if (this.#skipGuess && number >= kexClient.number && number < firstServiceNumber) {
      this.#skipGuess = false;
      return true;
    }
    this.#assertExpected(number);
    if (number === kexInit.number) this.#receiveKexInit(payload);
    else if (number === kexClient.number) this.#receiveShare(payload);
    else if (number === kexServer.number) this.#receiveAnswer(payload);
    else if (number === newKeys.number) this.#receiveNewKeys(payload);
    else return false;
    return true;
  }

  /** During the first exchange, if strict, nothing else may come; during others only what any time allows. */
  #assertExpected(number: number): void {
    const exchange = number >= kexInit.number && number < firstServiceNumber;
    const general = number >= disconnect.number && number <= debugNumber;
    if (exchange || number === disconnect.number) return;
    if (this.#first && (this.#strict || !general)) {
      throw protocolFault(`message ${number} during the key exchange`);
    }
    if (this.#peerInit !== undefined && !general) {
      throw protocolFault(`message ${number} during the key exchange`);
    }
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

  #receiveKexInit(payload: Uint8Array): void {
    if (this.#peerInit !== undefined) throw protocolFault("a key exchange begins within another");
    this.#peerInit = payload;
    if (this.#ownInit === undefined) this.begin();
    if (this.#first) {
      const { keyExchange } = kexInit.decode(payload);
      const client = this.#role.role === "client";
      this.#strict = keyExchange.includes(client ? marker.strictServer : marker.strictClient);
      this.#peerWantsExtensions = !client && keyExchange.includes(marker.extInfoClient);
      if (this.#strict && this.#link.stream.received !== 1) {
        throw protocolFault("the key exchange is not the first message");
      }
    }
    const { agreed, skipGuess } = agree(this.#role.role, this.#start());
    this.#agreed = agreed;
    this.#skipGuess = skipGuess;
    if (this.#role.role === "server") return;
    const { share, request } = beginHandshake(agreed);
    this.#share = share;
    this.#link.write(request);
  }

  #start(): HandshakeStart {
    const { version: ownVersion } = this.#settings;
    if (this.peerVersion === undefined || this.#peerInit === undefined) {
      throw protocolFault("the key exchange has not begun");
    }
    if (this.#ownInit === undefined) throw protocolFault("the key exchange has not begun");
    return {
      ...{ ownVersion, peerVersion: this.peerVersion },
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
        this.#link.write(reply);
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
    this.#link.stream.hold();
    step()
      .then((finish) => {
        if (this.#link.isClosed()) return;
        finish();
        this.#link.stream.release();
      })
      .catch((error: unknown) => this.#link.fail(error));
  }

  #useKeys(keys: HandshakeKeys): void {
    this.#sessionId ??= keys.exchangeHash;
    const { toServer, toClient } = keys.ciphers(this.#sessionId);
    const server = this.#role.role === "server";
    this.#link.write(newKeys.encode({}));
    this.#link.stream.setSealer(server ? toClient : toServer);
    this.#nextOpener = server ? toServer : toClient;
    if (this.#first && this.#peerWantsExtensions) {
      const names = Buffer.from(signatureAlgorithms.join(","));
      const extensions = new Map([
        ["server-sig-algs", names],
        ["ping@openssh.com", Buffer.from("0")],
      ]);
      this.#link.write(extInfo.encode({ extensions }));
    }
  }

  #receiveNewKeys(payload: Uint8Array): void {
    newKeys.decode(payload);
    const opener = this.#nextOpener;
    if (opener === undefined) throw protocolFault("new keys come before the key exchange");
    const { stream } = this.#link;
    stream.setOpener(opener);
    if (this.#strict) stream.resetReceived();
    stream.bytes = 0;
    const first = this.#first;
    this.#first = false;
    this.#nextOpener = undefined;
    this.#ownInit = undefined;
    this.#peerInit = undefined;
    this.#link.exchanged(first);
  }
}

/** A message that the protocol does not allow here. */
export function protocolFault(what: string): Fault {
  return new Fault("malformed", `the SSH peer breaks the protocol: ${what}`);
}
