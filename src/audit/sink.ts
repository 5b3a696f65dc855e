/** The port that takes audit events. Nothing is granted before `emit` of its event has resolved. */
import type { AuditEvent } from "./event.ts";

/** Takes events. */
export interface AuditSink {
  /**
   * Resolves when the event is durable; throws when it is not, and then the act must not take
   * place.
   */
  emit(event: AuditEvent): Promise<void>;
}

/** One sink in front of several: an event is durable when it is durable in all of them. */
export function joinSinks(sinks: readonly AuditSink[]): AuditSink {
  return {
    async emit(event) {
      await Promise.all(sinks.map((sink) => sink.emit(event)));
    },
  };
}
