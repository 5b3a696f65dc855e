/** The proxy's port as far as agents see it: hands calls to the auth service and takes tunnels. */
import type { Duplex } from "node:stream";
import { TunnelDialer } from "#api/tunnel/stream.ts";
import type { AuthService } from "#auth/start.ts";
import { silentLogger } from "#base/log.ts";
import { FrontDoor, type KeyPair } from "#proxy/front-door.ts";

export type AgentProtocolStream = Duplex;

/** A tunnel of an agent; `open` brings it a connection. */
export interface TestTunnel {
  open(): Promise<AgentProtocolStream>;
}

export class TestDoor {
  readonly #pair: KeyPair;
  readonly #auth: AuthService;
  readonly #tunnels: TestTunnel[] = [];
  #waiting: ((tunnel: TestTunnel) => void) | undefined;
  #door: FrontDoor | undefined;

  private constructor(pair: KeyPair, auth: AuthService) {
    this.#pair = pair;
    this.#auth = auth;
  }

  static async open(pair: KeyPair, auth: AuthService): Promise<TestDoor> {
    const door = new TestDoor(pair, auth);
    await door.#listen(0);
    return door;
  }

  get port(): number {
    return this.#door?.port ?? 0;
  }

  /** The oldest tunnel that nobody has asked for yet. */
  nextTunnel(): Promise<TestTunnel> {
    const waiting = this.#tunnels.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Ends every connection and listens on the same port again. */
  async restart(): Promise<void> {
    const { port } = this;
    await this.#door?.close();
    await this.#listen(port);
  }

  async close(): Promise<void> {
    await this.#door?.close();
  }

  async #listen(port: number): Promise<void> {
    const { authorities } = this.#auth.context;
    this.#door = await FrontDoor.open({
      listenAddress: { host: "127.0.0.1", port },
      hostCertificate: this.#pair,
      webCertificate: this.#pair,
      clientAuthorities: [authorities.certificatePem("user"), authorities.certificatePem("host")],
      logger: silentLogger,
      doors: {
        auth: ({ socket }) => this.#auth.accept(socket),
        agent: ({ socket }) => this.#take(new TunnelDialer(socket)),
      },
    });
  }

  #take(dialer: TunnelDialer): void {
    const tunnel = {
      open: () => dialer.open({ service: "ssh", clientAddress: "192.0.2.7:50022" }),
    };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#tunnels.push(tunnel);
    else waiting(tunnel);
  }
}
