/**
 * Failures in the words of the Kubernetes API: `Status` objects (meta/v1), which kubectl shows to the person. Proxy and
 * agents refuse alike.
 */
import { Fault, type FaultCode, isFault } from "#base/fault.ts";

/** A Status object as JSON. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Failure";
  readonly message: string;
  readonly reason: string;
  readonly code: number;
}

/** HTTP status and reason of each sort of failure; everything else is an internal error. */
const answers: Partial<Record<FaultCode, readonly [code: number, reason: string]>> = {
  usage: [400, "BadRequest"],
  malformed: [400, "BadRequest"],
  invalid: [400, "BadRequest"],
  unproven: [401, "Unauthorized"],
  "access-denied": [403, "Forbidden"],
  "device-required": [403, "Forbidden"],
  locked: [403, "Forbidden"],
  "not-found": [404, "NotFound"],
  conflict: [409, "Conflict"],
  "too-large": [413, "RequestEntityTooLarge"],
  limit: [429, "TooManyRequests"],
  unimplemented: [405, "MethodNotAllowed"],
  unavailable: [503, "ServiceUnavailable"],
  timeout: [504, "Timeout"],
};

/** The Status of a failure. Only faults show their words; hints stand on lines of their own below the message. */
export function statusOf(error: unknown): Status {
  const fault = isFault(error) ? error : new Fault("internal", "access to Kubernetes failed here");
  const [code, reason] = answers[fault.code] ?? [500, "InternalError"];
  const hints = (fault.hint ?? "").split("\n").filter((line) => line !== "");
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: [fault.message, ...hints.map((line) => `hint: ${line}`)].join("\n"),
    reason,
    code,
  };
}

/** A refusal as HTTP says it. */
export interface RefusalAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly body: string;
}

/** Requests by which clients find out what there is, before any other. */
const discovery =
  /^(?:\/v1\/teleport\/[^/]+\/[^/]+)?\/(?:version|api(?:\/[^/?]*)?|apis(?:\/[^/?]*){0,2}|openapi\/[^?]*)\/?(?:\?|$)/;

/**
 * The answer to a request that is refused: a Status. To discovery it is plain text: kubectl (client-go, Result.Raw) does not
 * read a Status there, shows the text of a 403, and words of its own for other refusals.
 */
export function refusalAnswer(error: unknown, target: string): RefusalAnswer {
  const status = statusOf(error);
  if (!discovery.test(target)) {
    return { code: status.code, contentType: "application/json", body: JSON.stringify(status) };
  }
  const code = status.code === 400 || status.code === 404 ? 403 : status.code;
  return { code, contentType: "text/plain; charset=utf-8", body: `${status.message}\n` };
}
