/** The port that takes audit events. Nothing is granted before `emit` of its event has resolved. */
import type { AuditEvent } from "./event.ts";

/** Takes events. */
export interface AuditSink {
  /** Resolves when the event is durable; throws when it is not, and then the act must not take place. */
  emit(event: AuditEvent): Promise<void>;
}
