/**
 * A request from its admission to the end of its answer. What changes something is in the audit log before it goes to the
 * API server; what only reads, before any of the answer goes to the person, so that the event has the answer's code.
 */
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { statusOf } from "#api/kube-status.ts";
import { Fault, isFault } from "#base/fault.ts";
import { type Admission, admit, refuseAdmitted } from "./admit.ts";
import { AnswerStream } from "./answer-stream.ts";
import type { ApiAnswer } from "./api-server.ts";
import type { Caller } from "./caller.ts";
import type { KubeContext } from "./context.ts";
import { recordRequest } from "./events.ts";
import { answerFailure, answerJson, type Exchange } from "./exchange.ts";
import { filterOf, visibleIn } from "./filter.ts";
import { answerHeaders, type HeaderList, pairsOf } from "./headers.ts";
import { type Held, hold } from "./held.ts";
import { type PreparedCall, prepare } from "./prepare.ts";

/** Verbs that change nothing. */
const reading: ReadonlySet<string> = new Set(["get", "list", "watch"]);
/** How long the last words of a watch may take to leave. */
const lastWordsMs = 100;

/** Serves a request that came on a connection of `caller`. Never throws: what fails is answered. */
export async function serveRequest(
  context: KubeContext,
  caller: Caller,
  exchange: Exchange,
): Promise<void> {
  let admission: Admission | undefined;
  try {
    admission = await admit(context, caller, exchange.head);
    const prepared = await prepare(admission, { ...exchange.head, body: exchange.body });
    if (prepared.type === "answer") {
      await recordRequest(context, admission, prepared.code);
      answerJson(exchange, prepared.code, prepared.object);
      return;
    }
    await new Passage(context, admission, exchange).run(prepared.call);
  } catch (error) {
    if (!isFault(error)) context.logger.warn("a request to Kubernetes failed", { error });
    const told =
      admission !== undefined && isFault(error) && !exchange.closed
        ? await refuseAdmitted(context, admission, error)
        : error;
    answerFailure(exchange, told);
  }
}

/** One request on its way to the API server and back. */
class Passage {
  readonly #context: KubeContext;
  readonly #admission: Admission;
  readonly #exchange: Exchange;
  readonly #stop = new AbortController();
  /** Why it had to end. */
  #reason: Fault | undefined;
  /** Tells the person why a watch ends; false when that cannot be told. */
  #conclude: (reason: Fault) => boolean = () => false;
  #concluded = false;

  constructor(context: KubeContext, admission: Admission, exchange: Exchange) {
    this.#context = context;
    this.#admission = admission;
    this.#exchange = exchange;
  }

  /** Throws what the person has to be told; after the answer has begun it is broken off instead. */
  async run(prepared: PreparedCall): Promise<void> {
    const { request } = this.#admission;
    if (!reading.has(request.verb)) await recordRequest(this.#context, this.#admission);
    this.#exchange.onClose(() => this.#stop.abort());
    const { name } = prepared;
    const held = hold(this.#context, this.#admission, {
      end: (reason) => this.#end(reason),
      ...(name === undefined ? {} : { name }),
    });
    try {
      const response = await this.#call(prepared);
      await this.#answer(response, held);
    } catch (error) {
      if (!this.#exchange.begun) throw this.#reason ?? error;
      this.#exchange.abort();
    } finally {
      held.release();
    }
  }

  /** Asks the API server; an answer that only tells something is in the audit log before it is used. */
  async #call(prepared: PreparedCall): Promise<IncomingMessage> {
    const { request, cluster } = this.#admission;
    const { head, body } = this.#exchange;
    const { call, answer } = cluster.server.begin({
      method: head.method,
      path: prepared.path,
      headers: withFraming(head.method, prepared),
    });
    const { signal } = this.#stop;
    signal.addEventListener("abort", () => call.destroy());
    if (signal.aborted) call.destroy();
    if (prepared.body !== undefined) call.end(prepared.body);
    else if (!bodiless.has(head.method)) body.pipe(call);
    else {
      body.resume();
      call.end();
    }
    const response = responseOf(await answer);
    if (reading.has(request.verb)) {
      await recordRequest(this.#context, this.#admission, response.statusCode);
    }
    return response;
  }

  async #answer(response: IncomingMessage, held: Held): Promise<void> {
    if (this.#reason !== undefined) throw this.#reason;
    const { request, allowed } = this.#admission;
    const { statusCode: code = 502 } = response;
    const headers = answerHeaders(pairsOf(response.rawHeaders));
    const filter =
      allowed.type === "filtered" && code < 300
        ? filterOf(allowed.verb, visibleIn(held.rules, allowed.object))
        : undefined;
    if (filter !== undefined) assertReadable(headers);
    const out = this.#exchange.begin(code, filter === undefined ? headers : unmeasured(headers));
    const last = new AnswerStream(held.touch);
    if (request.verb === "watch" && code < 300 && isJson(headers)) {
      this.#conclude = (reason) => last.conclude(statusOf(reason));
    }
    last.pipe(out);
    const { signal } = this.#stop;
    try {
      if (filter === undefined) await pipeline(response, last, { signal });
      else await pipeline(response, filter, last, { signal });
    } catch (error) {
      // Everything that is to be said has been said.
      if (this.#concluded) return;
      throw error;
    }
  }

  #end(reason: Fault): void {
    this.#reason = reason;
    this.#concluded = this.#conclude(reason);
    // The last words leave first.
    if (this.#concluded) setTimeout(() => this.#stop.abort(), lastWordsMs).unref();
    else this.#stop.abort();
  }
}

function responseOf(answer: ApiAnswer): IncomingMessage {
  if (answer.type === "body") return answer.response;
  answer.stream.destroy();
  throw new Fault("unavailable", "the Kubernetes API server changed the protocol unasked");
}

/** Nothing that is read has a body: it would go out behind the request, and be the next one on that connection. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Other bodies are sent in chunks, also with methods that rarely have one; what was read here has its length. */
function withFraming(method: string, { headers, body }: PreparedCall): HeaderList {
  if (body !== undefined || bodiless.has(method)) return headers;
  return [["transfer-encoding", "chunked"], ...headers];
}

function isJson(headers: HeaderList): boolean {
  const value = (wanted: string) => headers.find(([name]) => name === wanted)?.[1];
  const type = value("content-type") ?? "";
  return /^application\/json(?:;|$)/i.test(type) && value("content-encoding") === undefined;
}

/** What cannot be read cannot be filtered, and does not go on. */
function assertReadable(headers: HeaderList): void {
  if (isJson(headers)) return;
  throw new Fault("unavailable", "the Kubernetes API server does not answer in JSON", {
    hint: "the roles allow a part of this list only, and only JSON can be filtered",
  });
}

/** A filtered answer has another length, and is another one than the cache of a client knows. */
function unmeasured(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !["content-length", "etag", "digest"].includes(name));
}
