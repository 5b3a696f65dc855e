/**
 * How a raw tunnel to a node begins, under ALPN `gatehouse-tunnel`: the client sends a 2-byte big-endian length and a
 * JSON request, the proxy answers in the same form, and everything after that is the node's own bytes.
 */
import type { Duplex } from "node:stream";
import { buffer } from "#base/bytes.ts";
import { Fault, type FaultCode } from "#base/fault.ts";

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

const maxLength = 65_535;

/** Sends one opening message. */
export function writeOpening(stream: Duplex, message: TunnelOpening | TunnelAnswer): void {
  const body = Buffer.from(JSON.stringify(message));
  if (body.length > maxLength) throw new Fault("invalid", "the opening of the tunnel is too long");
  const frame = Buffer.allocUnsafe(2 + body.length);
  frame.writeUInt16BE(body.length, 0);
  body.copy(frame, 2);
  stream.write(frame);
}

/**
 * Reads one opening message and leaves every later byte in the stream. Throws `malformed` for what is no such message
 * and `unavailable` when the stream ends before it.
 */
export async function readOpening(stream: Duplex, signal?: AbortSignal): Promise<unknown> {
  const head = await readExactly(stream, 2, signal);
  const body = await readExactly(stream, buffer(head).readUInt16BE(0), signal);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch (cause) {
    throw new Fault("malformed", "the opening of the tunnel is not JSON", { cause });
  }
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
  throw new Fault(
    known,
    text(answer.message) || "the proxy refused the tunnel",
    hint ? { hint } : {},
  );
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
] satisfies FaultCode[];

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 4096) : "";
}

function readExactly(stream: Duplex, length: number, signal?: AbortSignal): Promise<Uint8Array> {
  if (length === 0) return Promise.resolve(new Uint8Array());
  return new Promise((resolve, reject) => {
    const finish = (error: Fault | undefined, bytes?: Buffer) => {
      stream.off("readable", attempt);
      stream.off("end", gone);
      stream.off("close", gone);
      signal?.removeEventListener("abort", gone);
      if (bytes) resolve(bytes);
      else reject(error);
    };
    const gone = () =>
      finish(new Fault("unavailable", "the connection ended before the tunnel was open"));
    const attempt = () => {
      const bytes = stream.read(length) as Buffer | null;
      if (bytes === null) return;
      if (bytes.length === length) finish(undefined, bytes);
      else gone();
    };
    stream.on("readable", attempt);
    stream.once("end", gone);
    stream.once("close", gone);
    signal?.addEventListener("abort", gone, { once: true });
    if (signal?.aborted || stream.destroyed) gone();
    else attempt();
  });
}
