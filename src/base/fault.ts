/**
 * The one error type of the product, and the one table that says how each surface shows it.
 *
 * A code is never reused and never removed. Text in `message` and `hint` may be shown to the person
 * or peer that caused the failure; `cause` and `audit` go to logs and audit events only.
 */

/** How one code appears on each surface: gRPC status number, HTTP status, exit code of a command. */
interface FaultInfo {
  readonly grpc: number;
  readonly http: number;
  readonly exit: number;
}

const faults = {
  /** A command line, flag or argument is wrong. */
  usage: { grpc: 3, http: 400, exit: 2 },
  /** Bytes or text from a peer or a file do not have the form they must have. */
  malformed: { grpc: 3, http: 400, exit: 1 },
  /** A well-formed value that is not acceptable. */
  invalid: { grpc: 3, http: 400, exit: 1 },
  /** A proof does not hold: password, signature, certificate, attestation. */
  unproven: { grpc: 16, http: 403, exit: 1 },
  /** Policy says no. */
  "access-denied": { grpc: 7, http: 403, exit: 1 },
  /** Policy says no because this device is not trusted. */
  "device-required": { grpc: 7, http: 403, exit: 1 },
  /** A lock is in force. */
  locked: { grpc: 7, http: 403, exit: 1 },
  "not-found": { grpc: 5, http: 404, exit: 1 },
  "already-exists": { grpc: 6, http: 409, exit: 1 },
  /** The stored revision is not the one that the writer read, or a precondition does not hold. */
  conflict: { grpc: 9, http: 412, exit: 1 },
  /** One message or value is larger than it may be. */
  "too-large": { grpc: 8, http: 413, exit: 1 },
  /** Too much: rate, count, sizes in sum. */
  limit: { grpc: 8, http: 429, exit: 1 },
  unimplemented: { grpc: 12, http: 501, exit: 1 },
  /** A peer cannot be reached, or went away. */
  unavailable: { grpc: 14, http: 504, exit: 1 },
  timeout: { grpc: 4, http: 504, exit: 1 },
  canceled: { grpc: 1, http: 499, exit: 1 },
  /** The machine we run on lacks something: file, permission, space, TPM. */
  environment: { grpc: 9, http: 500, exit: 1 },
  /** A bug of ours. The message carries a reference, never the cause. */
  internal: { grpc: 13, http: 500, exit: 1 },
} as const satisfies Record<string, FaultInfo>;

/** The closed set of failure codes. */
export type FaultCode = keyof typeof faults;

/** What a fault may carry besides its code and sentence. */
export interface FaultOptions {
  /** What the person can type or do next, shown on a `hint:` line. */
  readonly hint?: string;
  /** The error underneath. Logged, never sent to a peer. */
  readonly cause?: unknown;
  /** Fields for the audit event. Never sent to the peer. */
  readonly audit?: Readonly<Record<string, string | number | boolean>>;
}

/** A failure that the product foresaw. Anything else that is thrown is a bug. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly hint: string | undefined;
  readonly audit: Readonly<Record<string, string | number | boolean>>;

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.audit = options.audit ?? {};
  }
}

/** The row of the table for a code. */
export function faultInfo(code: FaultCode): FaultInfo {
  return faults[code];
}

/** True for a code of the closed set. */
export function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faults, code);
}

/** True for a {@link Fault}, optionally of one of the given codes. */
export function isFault(error: unknown, ...codes: FaultCode[]): error is Fault {
  return error instanceof Fault && (codes.length === 0 || codes.includes(error.code));
}

const byGrpc: Readonly<Record<number, FaultCode>> = {
  1: "canceled",
  3: "invalid",
  4: "timeout",
  5: "not-found",
  6: "already-exists",
  7: "access-denied",
  8: "limit",
  9: "conflict",
  12: "unimplemented",
  14: "unavailable",
  16: "unproven",
};

/** The code that a gRPC status number of a peer means to us; unknown numbers are `internal`. */
export function faultCodeOfGrpc(status: number): FaultCode {
  return byGrpc[status] ?? "internal";
}

/** The sentence to show for anything that was thrown. Errors that are not faults give their own message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
