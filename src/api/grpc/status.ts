/**
 * The one place where a thrown error becomes a gRPC status and a status becomes a {@link Fault} (gRPC over
 * HTTP/2, "Status"). Our own clients also receive the hint and the exact fault code in trailers; the fields
 * for the audit log never travel.
 */
import { Fault, type FaultCode, faultCodeOfGrpc, faultInfo, isFault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { uuid } from "#base/random.ts";

/** How a call ended, as it goes over the wire. Code 0 is success. */
export interface Status {
  readonly code: number;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly fault?: FaultCode | undefined;
  /** Fields for the audit log. They never travel. */
  readonly audit?: Fault["audit"] | undefined;
}

/** A call that went well. */
export const ok: Status = { code: 0, message: "" };

/** Headers as Node's http2 hands them over. */
export type HeaderBag = Readonly<Record<string, string | string[] | number | undefined>>;

/**
 * The status of anything that a handler threw. What is no fault is a bug: it is logged with a reference, and
 * the peer sees the reference only.
 */
export function statusOf(error: unknown, log: Logger): Status {
  if (isFault(error)) {
    return {
      code: faultInfo(error.code).grpc,
      message: error.message,
      hint: error.hint,
      fault: error.code,
      audit: error.audit,
    };
  }
  const reference = uuid();
  log.error("unexpected error in a call", { reference, error });
  const code: FaultCode = "internal";
  return {
    code: faultInfo(code).grpc,
    message: `internal error, reference ${reference}`,
    fault: code,
  };
}

/** The status as trailers. */
export function encodeStatus(status: Status): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(status.code) };
  if (status.message) trailers["grpc-message"] = encodeText(status.message);
  if (status.hint) trailers["gatehouse-hint"] = encodeText(status.hint);
  if (status.fault) trailers["gatehouse-fault"] = status.fault;
  return trailers;
}

/** The status in trailers, or undefined when there is none. A status that is no number is unknown (2). */
export function decodeStatus(headers: HeaderBag): Status | undefined {
  const code = headers["grpc-status"];
  if (code === undefined) return undefined;
  const number = /^\d{1,3}$/.test(String(code)) ? Number(code) : 2;
  return {
    code: number,
    message: decodeText(textOf(headers["grpc-message"])),
    hint: decodeText(textOf(headers["gatehouse-hint"])) || undefined,
    fault: faultNamed(textOf(headers["gatehouse-fault"]), number),
  };
}

/** The fault that a failed status means to the caller; the message is the peer's. */
export function faultOfStatus(status: Status): Fault {
  const code = status.fault ?? faultCodeOfGrpc(status.code);
  const message = status.message || `the call failed with status ${status.code}`;
  return new Fault(code, message, status.hint === undefined ? {} : { hint: status.hint });
}

/** The status that an HTTP answer without gRPC status means (gRPC, "HTTP to gRPC status code mapping"). */
export function statusOfHttp(http: number): Status {
  const codes: ReadonlyMap<number, number> = new Map([
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [502, 14],
    [503, 14],
    [504, 14],
  ]);
  return { code: codes.get(http) ?? 2, message: `the peer answered with HTTP status ${http}` };
}

/** A fault code sent by a peer counts only when it belongs to the status beside it. */
function faultNamed(name: string, code: number): FaultCode | undefined {
  const row: { grpc: number } | undefined = faultInfo(name as FaultCode);
  return row?.grpc === code ? (name as FaultCode) : undefined;
}

function textOf(value: string | string[] | number | undefined): string {
  return Array.isArray(value) ? value.join(", ") : String(value ?? "");
}

/** Percent-encodes everything but printable ASCII, the percent sign, and spaces at either end, which HTTP would drop. */
export function encodeText(text: string): string {
  return text.replace(/^ +| +$|[^ -$&-~]+/gu, (run) => {
    const bytes = new TextEncoder().encode(run);
    return [...bytes]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join("");
  });
}

/** Undoes {@link encodeText}; what is not properly encoded stays as it is. */
export function decodeText(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    new TextDecoder().decode(Buffer.from(run.replaceAll("%", ""), "hex")),
  );
}
