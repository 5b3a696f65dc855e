/** Tells the auth service, every minute or so, that this agent lives and what it serves. */

import { BackOff } from "#api/back-off.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { utf8 } from "#base/bytes.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import type { ResourceOf } from "#resource/kinds.ts";

const periodMs = 60_000;
const timeoutMs = 10_000;

/** What an agent says of itself: documents in the shape of `tctl get`. */
export interface HeartbeatOptions {
  readonly client: GrpcClient;
  /** What the agent serves at this moment. A document that is no longer among them is taken back. */
  readonly documents: () => readonly Advertised[];
  readonly random: Random;
  readonly logger: Logger;
}

/** A document that an agent may advertise. The name tells it from the agent's others. */
export type Advertised = ResourceOf["node" | "db_server" | "kube_server"];

/** Sends heartbeats until closed. */
export class Heartbeat implements Closable {
  /** Resolves with the first heartbeat that was taken. */
  readonly first: Promise<void>;
  readonly #options: HeartbeatOptions;
  readonly #client;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** What auth was told, by name. */
  #told = new Map<string, Advertised>();
  /** Something changed while a round was under way. */
  #again = false;
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
    this.#again = true;
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
        this.#again = false;
        await this.#tell();
        this.#markFirst();
        backOff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("the heartbeat did not reach the auth service", { error });
        wait = backOff.next();
      }
      if (!this.#again || wait < periodMs) await this.#sleep(wait);
    }
  }

  /** One round: everything that is served, then what no longer is. */
  async #tell(): Promise<void> {
    const served = new Map(this.#options.documents().map((one) => [one.metadata.name, one]));
    for (const [name, document] of served) {
      await this.#send(document, false);
      this.#told.set(name, document);
    }
    for (const [name, document] of [...this.#told]) {
      if (served.has(name)) continue;
      await this.#send(document, true);
      this.#told.delete(name);
    }
  }

  async #send(document: Advertised, gone: boolean): Promise<void> {
    const { signal } = this.#stop;
    const bytes = utf8(JSON.stringify(document));
    await this.#client.heartbeat({ document: bytes, gone }, { timeoutMs, signal });
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
