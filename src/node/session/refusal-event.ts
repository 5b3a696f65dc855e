/** Writes down what this node refused. A refusal stands also when the audit log cannot be reached. */
import type { EventFields } from "#audit/catalogue.ts";
import type { NodeContext } from "../context.ts";

/** Types of events that tell of a refusal. */
type RefusalEvent = "auth" | "session.reject";

/** Gives the id of the event once it is durable; undefined when it could not be written, which is logged. */
export async function recordRefusal<T extends RefusalEvent>(
  context: NodeContext,
  type: T,
  fields: EventFields<T>,
): Promise<string | undefined> {
  const { id, hostname } = context.server();
  try {
    return await context.events.record(type, {
      ...fields,
      server_id: id,
      server_hostname: hostname,
    });
  } catch (error) {
    context.logger.error("a refusal could not be written to the audit log", { error });
    return undefined;
  }
}
