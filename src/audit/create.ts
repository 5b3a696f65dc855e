/** Makes events. The compiler demands the fields of the type; what slips past it is redacted. */
import { Fault } from "#base/fault.ts";
import { type Random, timeUuid } from "#base/random.ts";
import {
  allowedFields,
  codeOf,
  type EventFields,
  type EventType,
  findDefinition,
} from "./catalogue.ts";
import type { AuditEvent } from "./event.ts";
import { redactFields } from "./redact.ts";

/** What an event takes from its surroundings. */
export interface EventContext {
  readonly clusterName: string;
  readonly now: Date;
  readonly random: Random;
  /** Position in the stream of a session; 0 by default. */
  readonly index?: number;
}

/**
 * Makes an event of a type. Throws `internal` when the type does not exist or a field that it must
 * have is missing.
 */
export function createEvent<T extends EventType>(
  type: T,
  fields: EventFields<T>,
  context: EventContext,
): AuditEvent {
  const definition = findDefinition(type);
  const given: Readonly<Record<string, unknown>> = fields;
  const missing = definition?.requires.filter((name) => given[name] === undefined);
  if (definition === undefined || (missing !== undefined && missing.length > 0)) {
    throw new Fault(
      "internal",
      `the audit event ${type} is unknown or lacks ${missing?.join(", ")}`,
    );
  }
  return {
    ei: context.index ?? 0,
    event: type,
    uid: timeUuid(context.now, context.random),
    code: codeOf(definition, given),
    time: context.now.toISOString(),
    cluster_name: context.clusterName,
    ...redactFields(given, allowedFields(type, definition)),
  };
}
