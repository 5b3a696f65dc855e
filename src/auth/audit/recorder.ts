/** What the auth service calls to write something down. */
import type { EventFields, EventType } from "#audit/catalogue.ts";
import { createEvent } from "#audit/create.ts";
import type { AuditEvent } from "#audit/event.ts";
import { EventClock } from "#audit/event-clock.ts";
import type { AuditSink } from "#audit/sink.ts";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";

/** What a recorder works with. */
export interface RecorderOptions {
  readonly sink: AuditSink;
  readonly clusterName: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes events and writes them. */
export class AuditRecorder {
  readonly #options: RecorderOptions;
  readonly #clock: Clock;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#clock = new EventClock(options.clock);
  }

  /**
   * Writes an event of this type; resolves to its id when it is durable. When it throws, the act
   * must not take place.
   */
  async record<T extends EventType>(type: T, fields: EventFields<T>): Promise<string> {
    const { sink, clusterName, random } = this.#options;
    const event = createEvent(type, fields, { clusterName, now: this.#clock.now(), random });
    await sink.emit(event);
    return event.uid;
  }

  /**
   * Writes an event that exists already, such as one that an agent reported and `receiveEvent`
   * checked.
   */
  async write(event: AuditEvent): Promise<void> {
    await this.#options.sink.emit(event);
  }
}
