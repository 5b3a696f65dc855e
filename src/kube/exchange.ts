/**
 * One request and its answer, whether it came by HTTP/1.1 or HTTP/2. Headers are pairs with names in lower case; what a
 * version of HTTP adds for itself stays here.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { refusalAnswer } from "#api/kube-status.ts";
import type { RequestHead } from "./admit.ts";
import { type HeaderList, pairsOf } from "./headers.ts";

/** A request, and the way to answer it. */
export interface Exchange {
  readonly head: RequestHead;
  readonly body: Readable;
  /** The answer has begun: nothing else can be answered any more. */
  readonly begun: boolean;
  /** The client is gone, or everything is said. */
  readonly closed: boolean;
  /** Called when it is over, for whatever reason; at once when it is. */
  onClose(listener: () => void): void;
  /** Sends the head of the answer; what is written then is its body. */
  begin(status: number, headers: HeaderList): Writable;
  /** Breaks off: the client learns that the answer is not whole. */
  abort(): void;
}

/** Answers with a Status, once; after the answer has begun it breaks off. */
export function answerFailure(exchange: Exchange, error: unknown): void {
  if (exchange.closed) return;
  if (exchange.begun) {
    exchange.abort();
    return;
  }
  const { code, contentType, body } = refusalAnswer(error, exchange.head.target);
  answerText(exchange, code, contentType, body);
}

/** Answers with an object. */
export function answerJson(exchange: Exchange, code: number, object: object): void {
  answerText(exchange, code, "application/json", JSON.stringify(object));
}

function answerText(exchange: Exchange, code: number, contentType: string, text: string): void {
  const headers: HeaderList = [
    ["content-type", contentType],
    ["cache-control", "no-cache, private"],
    ["content-length", String(Buffer.byteLength(text))],
  ];
  exchange.begin(code, headers).end(exchange.head.method === "HEAD" ? undefined : text);
}

/** A request of HTTP/1.1. */
export function exchangeOverHttp1(request: IncomingMessage, response: ServerResponse): Exchange {
  const { method = "", url = "", rawHeaders } = request;
  return {
    head: { method, target: url, headers: pairsOf(rawHeaders) },
    body: request,
    get begun() {
      return response.headersSent;
    },
    get closed() {
      return response.closed || response.destroyed;
    },
    onClose(listener) {
      if (response.closed) listener();
      else response.once("close", listener);
    },
    begin(status, headers) {
      response.on("error", () => {});
      response.writeHead(status, headers.flat());
      // A watch is known to stand before its first event; most answers go out in one piece with their head.
      setImmediate(() => response.flushHeaders());
      return response;
    },
    abort: () => void request.socket.destroy(),
  };
}

/** A request of HTTP/2; `raw` are its headers as they came, alternating names and values. */
export function exchangeOverHttp2(stream: ServerHttp2Stream, raw: readonly string[]): Exchange {
  const pairs = pairsOf(raw);
  const pseudo = (wanted: string) => pairs.find(([name]) => name === wanted)?.[1] ?? "";
  const headers = pairs.filter(([name]) => !name.startsWith(":"));
  return {
    head: { method: pseudo(":method"), target: pseudo(":path"), headers },
    body: stream,
    get begun() {
      return stream.headersSent;
    },
    get closed() {
      return stream.closed || stream.destroyed;
    },
    onClose(listener) {
      if (stream.closed) listener();
      else stream.once("close", listener);
    },
    begin(status, answered) {
      const grouped: Record<string, string[]> = {};
      for (const [name, value] of answered) grouped[name] = [...(grouped[name] ?? []), value];
      stream.respond({ ...grouped, ":status": status });
      return stream;
    },
    abort: () => stream.close(2),
  };
}
