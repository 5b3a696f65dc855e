/**
 * The engine of the simulated MDMs: an HTTPS server that hands out bearer tokens which expire and can be revoked, keeps a
 * log of its requests, and lets a test answer any of them otherwise. What it answers is written from the public API
 * descriptions of the products; none of it was recorded from a real one.
 */
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { makeSelfSigned } from "../self-signed.ts";

/** A request as it came in. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An answer. */
export interface FakeAnswer {
  readonly status: number;
  readonly json?: unknown;
  /** Instead of `json`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request with the status that it was answered with. */
export interface LoggedRequest extends FakeRequest {
  readonly status: number;
}

/** Answers `undefined` to requests that it leaves to the product. */
export type Interceptor = (request: FakeRequest) => FakeAnswer | "hang" | "reset" | undefined;

/** What a simulated product adds to the engine. */
export interface FakeProduct {
  /** The answer to a request for a token; undefined for any other request. */
  answerToken(request: FakeRequest, issue: () => string, lifeMs: number): FakeAnswer | undefined;
  /** The answer to a request with a good token. */
  answer(request: FakeRequest): FakeAnswer;
}

/** A running server. */
export class FakeMdm {
  readonly log: LoggedRequest[] = [];
  /** Seen before the product answers. */
  intercept: Interceptor = () => undefined;
  /** How long tokens live that are issued from now on. */
  tokenLifeMs = 30 * 60_000;
  /** PEM of the certificate, which signs itself. */
  readonly authority: string;
  readonly #server: Server;
  readonly #product: FakeProduct;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, number>();
  #issued = 0;

  private constructor(server: Server, authority: string, product: FakeProduct, clock: Clock) {
    this.#server = server;
    this.authority = authority;
    this.#product = product;
    this.#clock = clock;
  }

  /** Starts on a free port of the loopback. Tokens end by `clock`. */
  static async start(product: FakeProduct, clock: Clock = systemClock): Promise<FakeMdm> {
    const { certificate, privateKey } = makeSelfSigned("localhost", systemClock, systemRandom);
    const server = createServer({ cert: certificate, key: privateKey });
    const fake = new FakeMdm(server, certificate, product, clock);
    server.on("request", (incoming, outgoing) => {
      void readRequest(incoming).then((request) => {
        const answer = fake.#answer(request);
        if (answer === "hang") return;
        if (answer === "reset") {
          incoming.socket.destroy();
          return;
        }
        fake.log.push({ ...request, status: answer.status });
        outgoing.writeHead(answer.status, {
          "content-type": "application/json",
          ...answer.headers,
        });
        outgoing.end(answer.text ?? JSON.stringify(answer.json ?? {}));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** `https://localhost:PORT`. */
  get origin(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Tokens that were handed out. */
  get issued(): number {
    return this.#issued;
  }

  /** No token that was handed out until now is good any more. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Requests whose path ends so. */
  requestsTo(end: string): readonly LoggedRequest[] {
    return this.log.filter(({ path }) => path.endsWith(end));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: FakeRequest): FakeAnswer | "hang" | "reset" {
    const intercepted = this.intercept(request);
    if (intercepted !== undefined) return intercepted;
    const issue = () => this.#issue();
    const token = this.#product.answerToken(request, issue, this.tokenLifeMs);
    if (token !== undefined) return token;
    const [, bearer = ""] = /^Bearer (\S+)$/.exec(String(request.headers["authorization"])) ?? [];
    const good = (this.#tokens.get(bearer) ?? 0) > this.#clock.now().getTime();
    return good ? this.#product.answer(request) : { status: 401 };
  }

  #issue(): string {
    const token = `simulated-token-${++this.#issued}`;
    this.#tokens.set(token, this.#clock.now().getTime() + this.tokenLifeMs);
    return token;
  }
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  let body = "";
  for await (const part of incoming.setEncoding("utf8")) body += String(part);
  const url = new URL(incoming.url ?? "/", "https://localhost");
  const { method = "", headers } = incoming;
  return { method, path: url.pathname, query: url.searchParams, headers, body };
}
