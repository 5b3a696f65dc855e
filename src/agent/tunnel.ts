/**
 * The reverse tunnel: an agent dials the proxy and waits for the connections that it brings. Lost tunnels are dialled
 * again, with growing and jittered waits, for as long as the agent runs.
 */
import type { Duplex } from "node:stream";
import { BackOff } from "#api/back-off.ts";
import {
  type AcceptStream,
  agentProtocol,
  serveTunnel,
  type TunnelRequest,
  type TunnelService,
} from "#api/tunnel/stream.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { dialAsHost, type HostTls, type ProxyAddress } from "./dial.ts";

/** What a tunnel is made of. */
export interface TunnelOptions {
  readonly proxy: ProxyAddress;
  /** Read at every attempt, so that renewed certificates are used. */
  readonly credentials: { readonly tls: HostTls };
  /** What this agent serves; other streams are refused. */
  readonly service: TunnelService;
  /** Takes the streams. */
  readonly accept: AcceptStream;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long a tunnel must have lasted for the next wait to be short again. */
const steadyMs = 10_000;

/** Keeps a tunnel open until closed. */
export class AgentTunnel implements Closable {
  readonly #options: TunnelOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #socket: Duplex | undefined;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#socket?.destroy();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { logger, random, proxy } = this.#options;
    const { signal } = this.#stop;
    const backOff = new BackOff(random);
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await this.#serve();
        logger.warn("the tunnel to the proxy is gone; dialling again", { proxy: proxy.host });
      } catch (error) {
        logger.warn("the proxy cannot be reached; trying again", { proxy: proxy.host, error });
      }
      if (performance.now() - began > steadyMs) backOff.reset();
      await backOff.wait(signal);
    }
  }

  async #serve(): Promise<void> {
    const { proxy, credentials, logger } = this.#options;
    const socket = await dialAsHost(proxy, agentProtocol, credentials.tls);
    if (this.#stop.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    logger.info("the tunnel to the proxy is open", { proxy: proxy.host });
    await serveTunnel(socket, (stream, request) => this.#take(stream, request));
  }

  #take(stream: Duplex, request: TunnelRequest): void {
    if (request.service === this.#options.service) this.#options.accept(stream, request);
    else stream.destroy();
  }
}
