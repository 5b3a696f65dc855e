/**
 * Events that agents report: checked one by one, written together, acknowledged when all are
 * durable.
 */
import { receiveEvent } from "#audit/receive.ts";
import { Fault } from "#base/fault.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import type { AuthContext } from "../context.ts";

/** Bounds of one report. */
const maxEvents = 1000;
const maxEventBytes = 64 * 1024;

/**
 * Writes what an agent reports, one JSON object per event. Nothing is written when one of them is
 * not acceptable: `malformed`, or `access-denied` for events that this agent may not report.
 */
export async function acceptAgentEvents(
  context: Pick<AuthContext, "audit" | "clock">,
  sender: SystemIdentity,
  events: readonly Uint8Array[],
): Promise<void> {
  if (events.length > maxEvents || events.some(({ length }) => length > maxEventBytes)) {
    throw new Fault("limit", "a report of audit events is too large");
  }
  const now = context.clock.now();
  const accepted = events.map((bytes) => receiveEvent(parseJson(bytes), sender, now));
  await Promise.all(accepted.map((event) => context.audit.write(event)));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("malformed", "an audit event was not accepted: it is no JSON", { cause });
  }
}
