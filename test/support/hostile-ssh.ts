/** An SSH client that sends what a test wants, over a real transport, to a real node. */
import { connect, type Socket } from "node:net";
import { bytesToSign, encodeRequest } from "#ssh/auth/request.ts";
import { authRequest, keyProof, keyQuery } from "#ssh/messages/auth.ts";
import { channelOpen, channelOpenConfirmation, empty } from "#ssh/messages/connection.ts";
import { serviceRequest } from "#ssh/messages/transport.ts";
import { Transport } from "#ssh/transport/transport.ts";
import type { TestKey } from "./ssh-keys.ts";
import { settings } from "./ssh-pair.ts";

/** Numbers of the answers that tests look for. */
export const answer = { failure: 51, success: 52, acceptable: 60 } as const;

/** What a proof may lie about. */
export interface Lie {
  readonly algorithm?: string;
  readonly signer?: TestKey;
  /** What the signature covers instead of what is sent. */
  readonly signedBlob?: Uint8Array;
  readonly signedLogin?: string;
}

/** One connection. */
export class HostileSsh {
  readonly transport: Transport;
  readonly #socket: Socket;
  #answers: Uint8Array[] = [];
  #wake: () => void = () => {};
  /** Why the connection ended, once it has. */
  ended: Error | undefined;

  private constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.transport = new Transport(
      this.#socket,
      { role: "client", verifyHost: () => {} },
      settings,
      {
        ready: () => this.transport.send(serviceRequest.encode({ service: "ssh-userauth" })),
        message: (_number, payload) => {
          this.#answers.push(payload);
          this.#wake();
        },
        writable: () => {},
        closed: (fault) => {
          this.ended = fault;
          this.#wake();
        },
      },
    );
  }

  /** Connects and asks for user authentication. */
  static async open(port: number): Promise<HostileSsh> {
    const client = new HostileSsh(port);
    await client.next();
    return client;
  }

  /** The next message, or undefined when the server has hung up. Banners are passed over. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#answers.shift();
      if (message !== undefined && message[0] !== 53) return message;
      if (message !== undefined) continue;
      if (this.ended !== undefined) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a message and gives the number of the answer. */
  async ask(payload: Uint8Array): Promise<number | undefined> {
    this.transport.send(payload);
    return (await this.next())?.[0];
  }

  /** Asks whether a key would do. */
  query(login: string, blob: Uint8Array, algorithm = typeOf(blob)): Promise<number | undefined> {
    const query = { signed: false, algorithm, blob };
    return this.ask(encodeRequest(login, keyQuery.encode(query).slice()));
  }

  /** Proves a key, honestly unless told to lie. */
  async prove(
    login: string,
    blob: Uint8Array,
    key: TestKey,
    lie: Lie = {},
  ): Promise<number | undefined> {
    const query = { signed: true, algorithm: lie.algorithm ?? typeOf(blob), blob };
    const covered = { ...query, blob: lie.signedBlob ?? blob };
    const { sessionId } = this.transport;
    const bytes = bytesToSign(sessionId, lie.signedLogin ?? login, covered).slice();
    const signature = await (lie.signer ?? key).signer.sign(bytes, "ssh-ed25519");
    return this.ask(encodeRequest(login, keyProof.encode({ ...query, signature }).slice()));
  }

  /** A request of another method. */
  method(login: string, method: string, rest: Uint8Array): Promise<number | undefined> {
    const request = { user: login, service: "ssh-connection", method, rest };
    return this.ask(authRequest.encode(request));
  }

  /** Opens a session; gives the server's number of the channel, or undefined when it refuses. */
  async openSession(window = 1024): Promise<number | undefined> {
    const request = { type: "session", sender: 0, window, maxPacket: 32_768 };
    this.transport.send(channelOpen.encode({ ...request, payload: empty.encode({}).slice() }));
    const message = await this.next();
    if (message?.[0] !== channelOpenConfirmation.number) return undefined;
    return channelOpenConfirmation.decode(message).sender;
  }

  /** True when the server has ended the connection and said that this was for a reason. */
  get cutOff(): boolean {
    return /^the SSH peer closed the connection: ./.test(this.ended?.message ?? "");
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The algorithm of a certificate or key that Ed25519 signs for. */
function typeOf(blob: Uint8Array): string {
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(0);
  return Buffer.from(blob.subarray(4, 4 + length)).toString("latin1");
}
