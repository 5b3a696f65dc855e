/** Writes what auth itself does into the audit log. A call returns when the event is durable, and only then may the act take place. */
import type { EventFields, EventType } from "#audit/catalogue.ts";
import { createEvent } from "#audit/create.ts";
import { receiveEvent } from "#audit/receive.ts";
import type { AuditSink } from "#audit/sink.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { SystemIdentity } from "#identity/identity.ts";

/** Events that an agent may send in one call. */
const maxEvents = 1000;

/** Makes events and hands them to a sink. */
export class AuditRecorder {
  readonly #sink: AuditSink;
  readonly #context: { clusterName: string; clock: Clock; random: Random };

  constructor(sink: AuditSink, context: { clusterName: string; clock: Clock; random: Random }) {
    this.#sink = sink;
    this.#context = context;
  }

  /** Writes an event of a type; the compiler demands its fields. */
  async record<T extends EventType>(type: T, fields: EventFields<T>): Promise<void> {
    const { clusterName, clock, random } = this.#context;
    await this.#sink.emit(createEvent(type, fields, { clusterName, now: clock.now(), random }));
  }

  /** Checks and writes events that an agent saw. Throws when one of them is not acceptable; then none is written. */
  async receive(sender: SystemIdentity, encoded: readonly Uint8Array[]): Promise<void> {
    if (encoded.length > maxEvents)
      throw new Fault("limit", `send at most ${maxEvents} events at once`);
    const now = this.#context.clock.now();
    const events = encoded.map((bytes) => receiveEvent(parse(bytes), sender, now));
    await Promise.all(events.map((event) => this.#sink.emit(event)));
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("malformed", "an audit event is not JSON", { cause });
  }
}
