/**
 * HTTPS to an MDM: certificates are verified, redirects come back as answers and are not followed, and both the time and
 * the size of an answer are bounded before anything is parsed.
 */
import { Agent, request } from "node:https";
import { Fault, isFault, messageOf } from "#base/fault.ts";

/** A request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** An answer of any status. */
export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** Sends requests. */
export interface Http {
  /** Throws `unavailable` or `timeout` when there is no answer, `limit` or `malformed` for one that is not read. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  close(): void;
}

/** What may be said about connections. */
export interface HttpsOptions {
  /** PEM; authorities to trust instead of those that Node knows (its own list and NODE_EXTRA_CA_CERTS). */
  readonly authorities?: readonly string[];
  /** Milliseconds that a whole exchange may take. */
  readonly timeoutMs?: number;
  /** Bytes of an answer. */
  readonly maxBytes?: number;
}

/** A page of 2000 computers stays far below. */
const usual = { timeoutMs: 90_000, maxBytes: 64 * 1024 * 1024 } as const;

/** A client that keeps its connections. */
export function openHttps(options: HttpsOptions = {}): Http {
  const { timeoutMs = usual.timeoutMs, maxBytes = usual.maxBytes, authorities } = options;
  const ca = authorities === undefined ? {} : { ca: [...authorities] };
  const agent = new Agent({ keepAlive: true, maxSockets: 8, minVersion: "TLSv1.2", ...ca });
  return {
    send: (outgoing, signal) => send(outgoing, { agent, timeoutMs, maxBytes, signal }),
    close: () => agent.destroy(),
  };
}

interface Exchange {
  readonly agent: Agent;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

async function send(
  { method, url, headers, body }: HttpRequest,
  { agent, timeoutMs, maxBytes, signal }: Exchange,
): Promise<HttpAnswer> {
  if (url.protocol !== "https:") throw new Fault("invalid", "an MDM is asked over https only");
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return await new Promise<HttpAnswer>((resolve, reject) => {
      const outgoing = request(url, {
        method,
        agent,
        headers: { ...headers, "accept-encoding": "identity" },
        maxHeaderSize: 32 * 1024,
        signal: AbortSignal.any([signal, limit]),
      });
      outgoing.once("error", reject);
      outgoing.once("response", (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxBytes) outgoing.destroy(tooLong(url, maxBytes));
          else chunks.push(chunk);
        });
        incoming.once("error", reject);
        incoming.once("end", () => {
          const { statusCode = 0, headers: answered } = incoming;
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: statusCode, retryAfter: answered["retry-after"], body: text });
        });
      });
      outgoing.end(body);
    });
  } catch (error) {
    throw faultOf(error, url, { signal, limit });
  }
}

function tooLong(url: URL, maxBytes: number): Fault {
  const size = maxBytes / 1024 / 1024;
  return new Fault("limit", `the answer of ${url.host} is longer than ${size} MiB`, {
    hint: "ask for less at once: set a smaller page_size",
  });
}

function faultOf(
  error: unknown,
  url: URL,
  { signal, limit }: { readonly signal: AbortSignal; readonly limit: AbortSignal },
): Fault {
  if (isFault(error)) return error;
  if (signal.aborted) return new Fault("canceled", "the service stops");
  if (limit.aborted) {
    return new Fault("timeout", `${url.host} did not answer in time`, { cause: error });
  }
  const code = String((error as { code?: unknown }).code ?? "");
  if (/CERT|SIGNATURE|ALTNAME|SELF_SIGNED/.test(code)) {
    return new Fault("unproven", `the certificate of ${url.host} is not trusted (${code})`, {
      hint: "an authority of your own: NODE_EXTRA_CA_CERTS=FILE in the service's environment",
      cause: error,
    });
  }
  return new Fault("unavailable", `${url.host} cannot be reached: ${messageOf(error)}`, {
    cause: error,
  });
}
