/**
 * A way from an agent to its proxy that can be cut for what goes to the auth service, and for that alone: the connection
 * stays open and says nothing any more, as behind a firewall that has begun to drop packets. The tunnel, through which people
 * reach the agent, goes on. What a connection is for stands in the clear in its first message (ALPN, RFC 7301).
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The protocol of the agent's tunnel. */
const tunnelProtocol = "gatehouse-agent";

/** A listening relay. */
export class AuthCut {
  readonly #server: Server;
  readonly #toAuth = new Set<readonly [Socket, Socket]>();
  readonly #open = new Set<Socket>();
  #isCut = false;
  /** When the auth service was last heard, on the clock of `performance.now()`. */
  lastWord = 0;

  private constructor(proxyPort: number) {
    this.#server = createServer((near) => {
      const far = connect({ port: proxyPort, host: "localhost" });
      for (const socket of [near, far]) {
        this.#open.add(socket);
        socket.on("error", () => {});
        socket.once("close", () => {
          this.#open.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.once("data", (hello: Buffer) => this.#join(near, far, hello));
    });
  }

  /** Starts one in front of the proxy. */
  static async start(proxyPort: number): Promise<AuthCut> {
    const relay = new AuthCut(proxyPort);
    relay.#server.listen(0, "localhost");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing reaches the auth service any more, and nothing comes from it. */
  cut(): void {
    this.#isCut = true;
    for (const [near, far] of this.#toAuth) {
      near.unpipe(far);
      near.pause();
      far.pause();
    }
  }

  /** New connections pass; those that were cut are gone. */
  heal(): void {
    this.#isCut = false;
    for (const [near] of this.#toAuth) near.destroy();
    this.#toAuth.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket, far: Socket, hello: Buffer): void {
    const isTunnel = hello.includes(tunnelProtocol);
    if (!isTunnel) {
      const pair = [near, far] as const;
      this.#toAuth.add(pair);
      near.once("close", () => this.#toAuth.delete(pair));
      if (this.#isCut) {
        near.pause();
        return;
      }
    }
    far.on("data", (bytes: Buffer) => {
      if (!isTunnel) this.lastWord = performance.now();
      near.write(bytes);
    });
    far.write(hello);
    near.pipe(far);
  }
}
