/**
 * Audit events of a node. What grants something is recorded before the grant takes effect; what only tells of
 * something is queued, sent in batches and tried again while the auth service is away.
 */

import { BackOff } from "#api/back-off.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import type { EventFields, EventType } from "#audit/catalogue.ts";
import { createEvent } from "#audit/create.ts";
import type { AuditEvent } from "#audit/event.ts";
import { EventClock } from "#audit/event-clock.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";

/** What the reporter is made of. */
export interface EventReporterOptions {
  readonly client: GrpcClient;
  readonly clusterName: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Waiting events; beyond that the oldest are dropped, and the log says so. */
const queueLimit = 10_000;
/** Whoever can wait does so while more than this is queued. */
const crowdedQueue = 2000;
const batchSize = 200;
/** Events wait so long for others: each batch costs the auth service a write that is durable. */
const gatherMs = 25;
/** How long a person waits for the audit log before the grant is refused. */
const recordTimeoutMs = 10_000;
/** How long closing waits for what is queued. */
const flushTimeoutMs = 3000;

/** Sends events to the auth service. */
export class EventReporter implements Closable {
  readonly #options: EventReporterOptions;
  readonly #client;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #queue: Uint8Array[] = [];
  #sending: Promise<void> | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;
  #closing = false;
  #endGathering = () => {};

  constructor(options: EventReporterOptions) {
    this.#options = options;
    this.#client = createClient(AgentService, options.client);
    this.#clock = new EventClock(options.clock);
  }

  /** Resolves to its id once the event is durable. Throws `unavailable` when that cannot be had: then nothing may be granted. */
  async record<T extends EventType>(type: T, fields: EventFields<T>): Promise<string> {
    try {
      const event = this.#create(type, fields, 0);
      const events = [utf8(JSON.stringify(event))];
      await this.#client.emitEvents({ events }, { timeoutMs: recordTimeoutMs });
      return event.uid;
    } catch (cause) {
      throw new Fault("unavailable", "the audit log cannot be reached", {
        hint: "check that this server reaches the auth service",
        cause,
      });
    }
  }

  /** Queues the event and gives its id. Never throws. `index` is its place in the stream of a session. */
  report<T extends EventType>(type: T, fields: EventFields<T>, index = 0): string {
    if (this.#queue.length >= queueLimit) {
      this.#queue.shift();
      this.#options.logger.error("an audit event is lost: the auth service is away for too long");
    }
    return this.reportKept(type, fields, index);
  }

  /** As {@link report}, but never dropped: for who waits for {@link room} before there is more to report. */
  reportKept<T extends EventType>(type: T, fields: EventFields<T>, index = 0): string {
    const event = this.#create(type, fields, index);
    this.#queue.push(utf8(JSON.stringify(event)));
    if (this.#queue.length >= batchSize) this.#endGathering();
    this.#sending ??= this.#send();
    return event.uid;
  }

  /** Resolves when what is queued has become little; undefined while it is. For what may wait rather than be lost. */
  room(): Promise<void> | undefined {
    if (this.#queue.length < crowdedQueue) return undefined;
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** Sends what is queued, for a few seconds at most. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), flushTimeoutMs);
    this.#closing = true;
    this.#endGathering();
    await this.#sending;
    clearTimeout(timer);
  }

  /** Resolves when a batch is full, or has waited. */
  async #gather(): Promise<void> {
    if (this.#closing || this.#queue.length >= batchSize) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, gatherMs);
      this.#endGathering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #makeRoom(): void {
    if (this.#queue.length >= crowdedQueue / 2) return;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #create<T extends EventType>(type: T, fields: EventFields<T>, index: number): AuditEvent {
    const { clusterName, random } = this.#options;
    const context = { clusterName: clusterName(), now: this.#clock.now(), random, index };
    return createEvent(type, fields, context);
  }

  async #send(): Promise<void> {
    const backOff = new BackOff(this.#options.random);
    const { signal } = this.#stop;
    let size = batchSize;
    while (this.#queue.length > 0 && !signal.aborted) {
      await this.#gather();
      const batch = this.#queue.splice(0, size);
      try {
        await this.#client.emitEvents({ events: batch }, { timeoutMs: recordTimeoutMs, signal });
        size = batchSize;
        backOff.reset();
        this.#makeRoom();
      } catch (error) {
        const refused = isFault(error, "invalid", "malformed", "access-denied", "limit");
        if (refused && batch.length === 1) {
          // The auth service will never take it, and the rest must not wait behind it.
          this.#options.logger.error("an audit event was refused", { error });
          size = batchSize;
          this.#makeRoom();
          continue;
        }
        this.#queue.unshift(...batch);
        size = refused ? 1 : size;
        if (!refused) await backOff.wait(signal);
      }
    }
    this.#sending = undefined;
  }
}
