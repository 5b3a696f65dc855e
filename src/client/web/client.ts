/**
 * A small HTTPS client for the proxy's JSON endpoints (`/webapi/…`): one kept connection, judged before the first
 * byte of a request goes out, bounded answers, and failures told apart so that each can be explained.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { TLSSocket } from "node:tls";
import { Fault, type FaultCode } from "#base/fault.ts";
import { errorCode } from "../profile/files.ts";
import { joinAddress } from "../profile/names.ts";
import { dialWeb, silentProxy, type WebOptions } from "./dial.ts";
import type { WebVerdict } from "./trust.ts";

const largestAnswer = 1024 * 1024;
const answerTimeoutMs = 60_000;

/** An answer of the proxy. */
export interface WebAnswer {
  readonly body: unknown;
  /** The proxy's clock, from the `Date` header. */
  readonly date: Date | undefined;
}

/** Talks to one proxy. Close it when done. */
export class WebClient {
  readonly address: string;
  readonly #options: WebOptions;
  readonly #agent: Agent;
  #verdict: WebVerdict | undefined;
  #certificate: string | undefined;

  constructor(options: WebOptions) {
    this.#options = options;
    this.address = joinAddress(options.host, options.port);
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = (_options, done) => {
      this.#dial().then(
        (socket) => done?.(null, socket),
        // The type asks for a stream even where an error is given; Node looks at the error only.
        (error: Error) => (done as (error: Error) => void)?.(error),
      );
      return undefined;
    };
  }

  /** How the certificate was accepted, and its PEM; undefined before the first request. */
  get certificate(): { verdict: WebVerdict; pem: string } | undefined {
    return this.#verdict === undefined || this.#certificate === undefined
      ? undefined
      : { verdict: this.#verdict, pem: this.#certificate };
  }

  /** GET of a JSON document. */
  get(path: string): Promise<WebAnswer> {
    return this.#send("GET", path, undefined);
  }

  /** POST of a JSON document. Errors that the proxy explains become faults with its message. */
  post(path: string, body: unknown): Promise<WebAnswer> {
    return this.#send("POST", path, JSON.stringify(body));
  }

  /** Closes the connection. */
  close(): void {
    this.#agent.destroy();
  }

  async #send(method: string, path: string, body: string | undefined): Promise<WebAnswer> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: this.#options.host,
        port: this.#options.port,
        method,
        path,
        signal: this.#options.signal,
        headers: {
          host: this.address,
          accept: "application/json",
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      });
      sent.setTimeout(answerTimeoutMs, () => sent.destroy(silentProxy(this.address)));
      sent.once("error", (error) => reject(this.#explain(error)));
      sent.once("response", resolve);
      sent.end(body);
    });
    const text = await readBounded(answer, this.address).catch((error: unknown) => {
      throw this.#explain(error);
    });
    const status = answer.statusCode ?? 0;
    if (status !== 200) throw this.#refusal(status, text);
    const date = new Date(answer.headers.date ?? "");
    return {
      body: this.#parse(text),
      date: Number.isNaN(date.getTime()) ? undefined : date,
    };
  }

  async #dial(): Promise<TLSSocket> {
    const { socket, verdict } = await dialWeb(this.#options);
    this.#verdict = verdict;
    this.#certificate = socket.getPeerX509Certificate()?.toString();
    return socket;
  }

  #explain(error: unknown): Fault {
    if (error instanceof Fault) return error;
    const code = errorCode(error) ?? "";
    if (code === "ABORT_ERR") return new Fault("canceled", "canceled");
    if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
      return new Fault("unavailable", `the host name ${this.#options.host} is not known`, {
        hint: "check the spelling of --proxy, and the network",
        cause: error,
      });
    }
    if (code.startsWith("ERR_SSL") || code === "EPROTO" || code.startsWith("HPE_")) {
      return new Fault("unavailable", `${this.address} does not speak TLS as a proxy does`, {
        hint: "check the port of --proxy",
        cause: error,
      });
    }
    return new Fault("unavailable", `cannot reach the proxy at ${this.address}`, {
      hint: `${code === "ECONNREFUSED" ? "nothing listens there; " : ""}check the address and that the proxy is running`,
      cause: error,
    });
  }

  #refusal(status: number, text: string): Fault {
    const message = messageIn(text) ?? `${this.address} answered with HTTP status ${status}`;
    return new Fault(codes[status] ?? (status >= 500 ? "unavailable" : "invalid"), message);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Fault("malformed", `${this.address} does not answer as a proxy does`, {
        hint: "check the address and port of --proxy",
        cause,
      });
    }
  }
}

const codes: Readonly<Record<number, FaultCode>> = {
  400: "invalid",
  401: "unproven",
  403: "unproven",
  404: "not-found",
  409: "already-exists",
  412: "conflict",
  429: "limit",
  501: "unimplemented",
  504: "unavailable",
};

/** The sentence in `{"error":{"message":…}}`, on one line and without control characters. */
function messageIn(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } };
    const message = body?.error?.message;
    if (typeof message !== "string" || message === "") return undefined;
    return message.replace(/[\u0000-\u001f\u007f-\u009f]+/gu, " ").slice(0, 500);
  } catch {
    return undefined;
  }
}

async function readBounded(answer: IncomingMessage, address: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestAnswer) {
      answer.destroy();
      throw new Fault("malformed", `the answer of ${address} is too large`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
