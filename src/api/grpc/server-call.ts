/**
 * One call on the server: its metadata, deadline and cancellation, and the answer in the order that gRPC
 * wants (headers, messages, trailers; trailers alone when nothing was sent).
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Fault } from "#base/fault.ts";
import { MessageChannel, type UnreadBudget } from "./message-channel.ts";
import type { CallContext } from "./service.ts";
import { encodeStatus, type Status } from "./status.ts";
import { parseTimeout } from "./timeout.ts";

const answerHeaders = { ":status": 200, "content-type": "application/grpc" };

/** How long a caller may take to end its side after the status was sent. */
const lingerMs = 1000;

/** The server's end of a call. */
export class ServerCall<Peer> implements CallContext<Peer> {
  readonly peer: Peer;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly channel: MessageChannel;
  #deadline: Date | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #abort = new AbortController();
  readonly #stream: ServerHttp2Stream;
  #finished = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    peer: Peer,
    budget: UnreadBudget,
  ) {
    this.#stream = stream;
    this.peer = peer;
    this.path = String(headers[":path"] ?? "");
    this.metadata = metadataOf(headers);
    this.channel = new MessageChannel(stream, budget);
    stream.once("close", () => {
      this.#finished = true;
      this.channel.release();
      clearTimeout(this.#timer);
      this.cancel(new Fault("canceled", "the caller went away"));
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get deadline(): Date | undefined {
    return this.#deadline;
  }

  /** True once the status is sent or the peer is gone. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Starts the deadline that the caller asked for; `expire` runs when it passes. Throws `malformed` for a
   * header that is no timeout.
   */
  startDeadline(now: Date, expire: () => void): void {
    const header = this.metadata["grpc-timeout"];
    if (header === undefined) return;
    const ms = parseTimeout(header);
    this.#deadline = new Date(now.getTime() + ms);
    // A timer holds at most 2^31-1 ms; a longer deadline is none.
    if (ms < 0x7fff_ffff) this.#timer = setTimeout(expire, ms).unref();
  }

  /** Tells the handler that its work is no longer wanted. */
  cancel(reason: Fault): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** Sends the headers, once. A handler that streams does so before its first message is ready. */
  sendHeaders(): void {
    if (this.#stream.headersSent || this.#stream.destroyed) return;
    this.#stream.respond(answerHeaders, { waitForTrailers: true });
  }

  /** Sends one encoded message. */
  async send(message: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    this.sendHeaders();
    await this.channel.send(message, this.signal);
  }

  /** Ends the call with a status, once; later calls do nothing. */
  finish(status: Status): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    if (this.#stream.destroyed || this.#stream.closed) return;
    const trailers = encodeStatus(status);
    this.channel.release();
    if (this.#stream.headersSent) {
      this.#stream.once("wantTrailers", () => this.#stream.sendTrailers(trailers));
      this.#stream.end();
    } else {
      this.#stream.respond({ ...answerHeaders, ...trailers }, { endStream: true });
    }
    this.#discardRequest();
  }

  /**
   * What the caller still sends is of no interest. A caller that never ends would hold the stream open, so it
   * is reset after a while: at once, nghttp2 would drop the trailers that are still queued.
   */
  #discardRequest(): void {
    this.#stream.resume();
    const timer = setTimeout(
      () => this.#stream.close(constants.NGHTTP2_NO_ERROR),
      lingerMs,
    ).unref();
    this.#stream.once("close", () => clearTimeout(timer));
  }
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    metadata[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return metadata;
}
