/**
 * How a raw tunnel to a node begins, under ALPN `gatehouse-tunnel`: the client sends a frame with a JSON request, the
 * proxy answers with a frame, and everything after that is the node's own bytes. Frames are those of `frame.ts` with a
 * length of two bytes.
 */
import type { Duplex } from "node:stream";
import { Fault, type FaultCode } from "#base/fault.ts";
import { encodeFrame, readFrame } from "./frame.ts";

/** ALPN name of the raw tunnel. */
export const tunnelProtocol = "gatehouse-tunnel";

/** Where the client wants to go. `login` is for the log; the node decides on the certificate. */
export interface TunnelOpening {
  /** `host:port`; port 0 means any. */
  readonly target: string;
  readonly login: string;
  readonly cluster: string;
}

/** What the proxy answers. */
export type TunnelAnswer =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: FaultCode;
      readonly message: string;
      readonly hint?: string;
    };

const lengthBytes = 2;
const maxLength = 65_535;

/** Sends one opening message. */
export function writeOpening(stream: Duplex, message: TunnelOpening | TunnelAnswer): void {
  stream.write(encodeFrame(message, lengthBytes));
}

/**
 * Reads one opening message and leaves every later byte in the stream. Throws `malformed` for what is no such message
 * and `unavailable` when the stream ends before it.
 */
export function readOpening(stream: Duplex): Promise<unknown> {
  return readFrame(stream, lengthBytes, maxLength);
}

/** Checks a request from a client. Throws `malformed`. */
export function parseOpening(value: unknown): TunnelOpening {
  const { target, login, cluster } = (value ?? {}) as Partial<Record<keyof TunnelOpening, unknown>>;
  if (typeof target !== "string" || target.length > 512) {
    throw new Fault("malformed", "the opening of the tunnel names no target");
  }
  return { target, login: text(login), cluster: text(cluster) };
}

/** Checks an answer of the proxy: returns when it is good, throws the proxy's refusal when it is not. */
export function parseAnswer(value: unknown): void {
  const answer = (value ?? {}) as Partial<Record<"ok" | "code" | "message" | "hint", unknown>>;
  if (answer.ok === true) return;
  const code = text(answer.code);
  const known = answerCodes.includes(code) ? (code as FaultCode) : "unavailable";
  const hint = text(answer.hint);
  const message = text(answer.message) || "the proxy refused the tunnel";
  throw new Fault(known, message, hint ? { hint } : {});
}

/** The codes that a proxy answers with. */
const answerCodes: readonly string[] = [
  "not-found",
  "access-denied",
  "locked",
  "unavailable",
  "invalid",
  "conflict",
  "unproven",
  "internal",
] satisfies FaultCode[];

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 4096) : "";
}
