/**
 * One call on the client: sends the request headers, watches deadline and cancellation, and learns the
 * status from the trailers or, when the connection breaks, from how it broke.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { Fault, isFault } from "#base/fault.ts";
import { MessageChannel } from "./message-channel.ts";
import type { CallOptions } from "./service.ts";
import {
  decodeStatus,
  faultOfStatus,
  type HeaderBag,
  type Status,
  statusOfHttp,
} from "./status.ts";
import { formatTimeout } from "./timeout.ts";

/** The client's end of a call. */
export class ClientCall {
  readonly channel: MessageChannel;
  /** The status, as the peer sent it or as the break of the connection says. Never rejects. */
  readonly status: Promise<Status>;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #abort = new AbortController();
  #http: number | undefined;
  #trailers: Status | undefined;
  #settle: (status: Status) => void = () => {};

  constructor(session: ClientHttp2Session, path: string, options: CallOptions) {
    const timeoutMs = options.timeoutMs ?? 0;
    this.#session = session;
    this.#stream = session.request({
      ...options.metadata,
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(timeoutMs > 0 ? { "grpc-timeout": formatTimeout(timeoutMs) } : {}),
    });
    this.channel = new MessageChannel(this.#stream, { unread: 0 });
    this.status = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#listen();
    this.#watch(options.signal, timeoutMs);
  }

  /** Aborted by {@link cancel}, by the caller's own signal and at the deadline. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Sends one encoded message. A call that is over already gives its status instead. */
  async send(message: Uint8Array): Promise<void> {
    try {
      await this.channel.send(message, this.signal);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** The next message, or undefined after a good end. Throws the fault of the status. */
  async receive(): Promise<Uint8Array | undefined> {
    try {
      const message = await this.channel.receive(this.signal);
      if (message !== undefined) return message;
    } catch (error) {
      if (isFault(error, "limit", "unimplemented", "internal") && !this.signal.aborted) {
        this.cancel(error);
        throw error;
      }
      throw await this.#explain(error);
    }
    const status = await this.status;
    if (status.code !== 0) throw faultOfStatus(status);
    return undefined;
  }

  /** Says that nothing more will be sent. */
  finishSending(): void {
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  /** Ends the call now; both sides notice. */
  cancel(reason: Fault = new Fault("canceled", "the call was canceled")): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #listen(): void {
    const stream = this.#stream;
    stream.on("response", (headers) => {
      this.#http = headers[":status"];
      this.#trailers ??= decodeStatus(headers as HeaderBag);
    });
    stream.on("trailers", (headers) => {
      this.#trailers ??= decodeStatus(headers as HeaderBag);
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      // A caller may look only after everything has come; what came without a status is worth nothing.
      if (!this.#trailers) this.channel.release();
      this.#settle(this.#trailers ?? this.#brokenStatus());
    });
    stream.on("end", () => {
      if (this.#trailers) this.#settle(this.#trailers);
    });
  }

  #watch(signal: AbortSignal | undefined, timeoutMs: number): void {
    const timer =
      timeoutMs > 0 && timeoutMs < 0x7fff_ffff
        ? setTimeout(() => this.cancel(timedOut()), timeoutMs)
        : undefined;
    const abort = () => this.cancel(isFault(signal?.reason) ? signal.reason : undefined);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    this.#stream.once("close", () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    });
  }

  /** A failed read or write of a broken stream says little; the status says why. */
  async #explain(error: unknown): Promise<unknown> {
    if (this.signal.aborted) return this.signal.reason;
    if (!isFault(error, "canceled")) return error;
    const status = await this.status;
    return status.code === 0 ? error : faultOfStatus(status);
  }

  #brokenStatus(): Status {
    if (this.#http !== undefined && this.#http !== 200) return statusOfHttp(this.#http);
    const code = this.#stream.rstCode;
    // Node reports a lost connection as a cancellation of its streams.
    if (code === constants.NGHTTP2_CANCEL && !this.#session.destroyed)
      return { code: 1, message: "the call was canceled" };
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
      return { code: 8, message: "the peer refused the call: too much at once" };
    }
    return { code: 14, message: "the connection was lost" };
  }
}

function timedOut(): Fault {
  return new Fault("timeout", "no answer came in time");
}
