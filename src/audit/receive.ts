/**
 * Checks an event that an agent sent over the wire. An agent may report what happened on it, in the
 * words of the catalogue, and nothing else: not for another server, not for another cluster, not
 * with fields that nobody classified.
 */
import { Fault } from "#base/fault.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import { allowedFields, codeOf, findDefinition } from "./catalogue.ts";
import type { AuditEvent } from "./event.ts";
import { redactFields } from "./redact.ts";

/** What agents may report. Types that are not here only the auth service itself may write: grants and changes of the cluster. */
const reportable =
  /^(session\.|exec$|subsystem$|port$|x11-forward$|client\.disconnect$|sftp$|resize$|auth$|db\.session\.|kube\.request$)/;

/** What proxies may report: whom they refused. */
const reportableByProxies = /^access\.denied$/;

/** How far an agent's clock may run ahead of ours. */
const maxSkewMs = 5 * 60_000;

/**
 * Gives the event as it is to be written. Throws `malformed` for something that is no event of the
 * catalogue, `access-denied` for an event that this agent may not report.
 */
export function receiveEvent(given: unknown, sender: SystemIdentity, now: Date): AuditEvent {
  if (typeof given !== "object" || given === null) throw malformed("it is no object");
  const {
    ei,
    event,
    uid,
    code: _,
    time,
    cluster_name: __,
    ...fields
  } = given as Record<string, unknown>;
  const definition = typeof event === "string" ? findDefinition(event) : undefined;
  if (typeof event !== "string" || definition === undefined) throw malformed("its type is unknown");
  const may = sender.systemRoles.map((role) =>
    role === "Proxy" ? reportableByProxies : reportable,
  );
  if (!may.some((types) => types.test(event))) {
    throw new Fault("access-denied", `an agent may not report events of the type ${event}`);
  }
  if (fields["server_id"] !== undefined && fields["server_id"] !== sender.hostId) {
    throw new Fault("access-denied", "an agent may not report events of another server");
  }
  const missing = definition.requires.filter((name) => fields[name] === undefined);
  if (missing.length > 0) throw malformed(`it lacks ${missing.join(", ")}`);
  return {
    ei: parseIndex(ei),
    event,
    uid: parseUid(uid),
    code: codeOf(definition, fields),
    time: parseTime(time, now),
    cluster_name: sender.cluster,
    ...redactFields(fields, allowedFields(event, definition)),
  };
}

function parseIndex(ei: unknown): number {
  if (ei === undefined) return 0;
  if (typeof ei === "number" && Number.isInteger(ei) && ei >= 0 && ei < 2 ** 31) return ei;
  throw malformed("its index is out of bounds");
}

function parseUid(uid: unknown): string {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
  if (typeof uid === "string" && form.test(uid)) return uid;
  throw malformed("its uid is no UUID");
}

function parseTime(time: unknown, now: Date): string {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
  const moment = typeof time === "string" && form.test(time) ? Date.parse(time) : Number.NaN;
  if (!(moment > 0 && moment <= now.getTime() + maxSkewMs)) {
    throw malformed("its time is no time in UTC, or lies in the future");
  }
  return new Date(moment).toISOString();
}

function malformed(why: string): Fault {
  return new Fault("malformed", `an audit event was not accepted: ${why}`);
}
