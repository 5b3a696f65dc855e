/**
 * The receiving end of AgentService.WatchAuthority: a local copy of the cluster's rules that agents and proxies decide
 * from. After a break it reconnects and replaces the whole copy at once, so that nobody ever sees half of one. A copy
 * that has heard nothing for its lease is no longer current, and who decides from it must deny.
 */
import type { Clock } from "#base/clock.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import type { Kind, ResourceOf } from "#resource/kinds.ts";
import { createClient, type GrpcClient } from "./grpc/client.ts";

/** What a feed needs. */
export interface FeedOptions {
  readonly client: GrpcClient;
  readonly kinds: readonly Kind[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How old the last word from auth may be, in milliseconds. */
  readonly leaseMs?: number;
}

/** A resource appeared, changed or went away. Without `kind` the whole copy was replaced. */
export type FeedListener = (kind?: Kind) => void;

const defaultLeaseMs = 30_000;
const retry = { firstMs: 200, mostMs: 5000 } as const;

type Copy = Map<string, Map<string, unknown>>;

/** Follows the rules of the cluster. */
export class AuthorityFeed implements Closable {
  readonly #options: FeedOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<FeedListener>();
  readonly #ready: Promise<void>;
  readonly #running: Promise<void>;
  #copy: Copy = new Map();
  #heardAt = Number.NEGATIVE_INFINITY;
  #markReady: () => void = () => {};

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#ready = new Promise((resolve) => {
      this.#markReady = resolve;
    });
    this.#running = this.#run();
  }

  /** Resolves when the first whole copy is there. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** True while the copy is younger than its lease. */
  get current(): boolean {
    const age = this.#options.clock.now().getTime() - this.#heardAt;
    return age <= (this.#options.leaseMs ?? defaultLeaseMs);
  }

  /** The documents of a kind by name. The map changes as the cluster does: do not keep it. */
  documents<K extends Kind>(kind: K): ReadonlyMap<string, ResourceOf[K]> {
    return (this.#copy.get(kind) ?? new Map()) as ReadonlyMap<string, ResourceOf[K]>;
  }

  /** Calls `listener` after each change; the function that it gives back stops that. */
  onChange(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    let waitMs: number = retry.firstMs;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow(() => {
          waitMs = retry.firstMs;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        logger.warn("the feed of the cluster's rules broke off", { error, retryMs: waitMs });
      }
      await this.#pause(waitMs * (0.5 + Math.random() / 2));
      waitMs = Math.min(waitMs * 2, retry.mostMs);
    }
  }

  /** One connection: fills a new copy, swaps it in when it is whole, then applies changes. */
  async #follow(connected: () => void): Promise<void> {
    const { client, kinds } = this.#options;
    const agent = createClient(AgentService, client);
    const updates = agent.watchAuthority({ kinds: [...kinds] }, { signal: this.#stop.signal });
    const copy: Copy = new Map();
    let whole = false;
    for await (const { update } of updates) {
      switch (update.case) {
        case "change": {
          const { kind, name, document } = update.value;
          apply(copy, kind, name, document);
          if (whole) this.#tell(kind as Kind);
          break;
        }
        case "snapshotComplete":
          whole = true;
          this.#copy = copy;
          connected();
          this.#heard();
          this.#tell();
          this.#markReady();
          break;
        case "heartbeat":
          if (whole) this.#heard();
          break;
        default:
          break;
      }
    }
  }

  #heard(): void {
    this.#heardAt = this.#options.clock.now().getTime();
  }

  #tell(kind?: Kind): void {
    for (const listener of this.#listeners) listener(kind);
  }

  #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#stop.signal.addEventListener("abort", done, { once: true });
    });
  }
}

function apply(copy: Copy, kind: string, name: string, document: Uint8Array): void {
  const documents = copy.get(kind) ?? new Map<string, unknown>();
  copy.set(kind, documents);
  if (document.length === 0) documents.delete(name);
  else documents.set(name, JSON.parse(new TextDecoder().decode(document)));
}
