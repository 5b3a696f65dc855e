/** Tells the auth service, every minute or so, that this server lives and what it is. */

import { BackOff } from "#api/back-off.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { utf8 } from "#base/bytes.ts";
import { formatDuration } from "#base/duration.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import type { Node } from "#resource/node.ts";
import type { NodeLabels } from "./labels.ts";

const periodMs = 60_000;
const timeoutMs = 10_000;

/** What a heartbeat says. */
export interface HeartbeatOptions {
  readonly client: GrpcClient;
  readonly hostId: string;
  readonly hostname: string;
  readonly labels: NodeLabels;
  /** Version of the public API. */
  readonly version: string;
  readonly random: Random;
  readonly logger: Logger;
}

/** Sends heartbeats until closed. */
export class Heartbeat implements Closable {
  /** Resolves with the first heartbeat that was taken. */
  readonly first: Promise<void>;
  readonly #options: HeartbeatOptions;
  readonly #client;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #wake: () => void = () => {};
  #markFirst: () => void = () => {};

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#client = createClient(AgentService, options.client);
    this.first = new Promise((resolve) => {
      this.#markFirst = resolve;
    });
    this.#running = this.#run();
  }

  /** Sends one soon: something in it has changed. */
  now(): void {
    this.#wake();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const backOff = new BackOff(this.#options.random);
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let wait = periodMs;
      try {
        const document = utf8(JSON.stringify(describeNode(this.#options)));
        await this.#client.heartbeat({ document }, { timeoutMs, signal });
        this.#markFirst();
        backOff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("the heartbeat did not reach the auth service", { error });
        wait = backOff.next();
      }
      await this.#sleep(wait);
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The document of this server (spec: public API, kind node). It is reached through a tunnel and has no address. */
function describeNode({ hostId, hostname, labels, version }: HeartbeatOptions): Node {
  const dynamic = labels.dynamic.map(({ name, command, periodMs: period, result }) => [
    name,
    { command: [...command], period: formatDuration(period), result },
  ]);
  return {
    kind: "node",
    version: "v2",
    metadata: { name: hostId, labels: { ...labels.fixed } },
    spec: {
      hostname,
      use_tunnel: true,
      version,
      ...(dynamic.length === 0 ? {} : { cmd_labels: Object.fromEntries(dynamic) }),
    },
  };
}
