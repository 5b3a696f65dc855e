/** Reads the person's answers from a stream: lines in turn, without echo if asked, or everything that is left. */
import { StringDecoder } from "node:string_decoder";
import type { ReadStream } from "node:tty";
import { Fault } from "#base/fault.ts";
import { type AnswerSource, Interruption } from "./prompt.ts";

/** A readable stream that may be a terminal. */
export type Input = NodeJS.ReadableStream &
  Partial<Pick<ReadStream, "isTTY" | "setRawMode" | "unref">>;

/** Longest line that is accepted as an answer, and the default limit of {@link LineReader.readAll}. */
const lineLimit = 64 * 1024;
const allLimit = 64 * 1024 * 1024;

/** The keys that a line read without echo understands, besides printable ones. */
const keys = {
  interrupt: "\u0003",
  endOfInput: "\u0004",
  eraseLine: "\u0015",
  delete: "\u007f",
  back: "\b",
};

/** Lines of a stream. The stream is paused between reads, so that an idle reader does not hold the process. */
export class LineReader implements AnswerSource {
  readonly isTerminal: boolean;
  readonly #input: Input;
  readonly #decoder = new StringDecoder("utf8");
  readonly #signal: AbortSignal;
  #buffer = "";
  #ended = false;

  constructor(input: Input, signal: AbortSignal) {
    this.#input = input;
    this.#signal = signal;
    this.isTerminal = input.isTTY === true;
    // The end may arrive between two questions, when nobody waits.
    input.once("end", () => {
      this.#buffer += this.#decoder.end();
      this.#ended = true;
    });
  }

  async readLine(options: { readonly echo: boolean }): Promise<string | undefined> {
    const raw = this.isTerminal && !options.echo;
    if (raw) this.#input.setRawMode?.(true);
    try {
      return raw ? await this.#readHidden() : await this.#readVisible();
    } finally {
      if (raw) this.#input.setRawMode?.(false);
    }
  }

  /** What is left of the stream. Throws `limit` beyond `limit` characters. */
  async readAll(limit = allLimit): Promise<string> {
    while (!this.#ended) {
      if (this.#buffer.length > limit) {
        throw new Fault("limit", `stdin is larger than ${limit} bytes`);
      }
      await this.#more();
    }
    const all = this.#buffer;
    this.#buffer = "";
    return all;
  }

  async #readVisible(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf("\n");
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 1);
        return line.replace(/\r$/, "");
      }
      if (this.#buffer.length > lineLimit) throw new Fault("limit", "the answer is too long");
      if (this.#ended) {
        const last = this.#buffer;
        this.#buffer = "";
        return last === "" ? undefined : last;
      }
      await this.#more();
    }
  }

  /** A raw terminal edits nothing itself: the line's keys are handled here. */
  async #readHidden(): Promise<string | undefined> {
    let line = "";
    for (;;) {
      for (const key of this.#takeBuffer()) {
        if (key === "\r" || key === "\n") return line;
        if (key === keys.interrupt) throw new Interruption();
        if (key === keys.endOfInput && line === "") return undefined;
        if (key === keys.eraseLine) line = "";
        else if (key === keys.delete || key === keys.back) line = [...line].slice(0, -1).join("");
        else if (key >= " ") line += key;
        if (line.length > lineLimit) throw new Fault("limit", "the answer is too long");
      }
      if (this.#ended) return line === "" ? undefined : line;
      await this.#more();
    }
  }

  /** The characters that have arrived; what a reader leaves stays for the next question. */
  *#takeBuffer(): Generator<string> {
    while (this.#buffer.length > 0) {
      const character = String.fromCodePoint(this.#buffer.codePointAt(0) ?? 0);
      this.#buffer = this.#buffer.slice(character.length);
      yield character;
    }
  }

  /** Waits for bytes or the end of the stream. */
  #more(): Promise<void> {
    const input = this.#input;
    return new Promise((resolve, reject) => {
      const finish = (error?: unknown) => {
        input.off("data", onData).off("end", onEnd).off("error", onError);
        this.#signal.removeEventListener("abort", onAbort);
        input.pause();
        if (error === undefined) resolve();
        else reject(error);
      };
      const onData = (chunk: Buffer | string) => {
        this.#buffer += typeof chunk === "string" ? chunk : this.#decoder.write(chunk);
        finish();
      };
      const onEnd = () => finish();
      const onError = (error: Error) =>
        finish(
          new Fault("environment", `stdin cannot be read: ${error.message}`, { cause: error }),
        );
      const onAbort = () => finish(new Interruption());
      if (this.#signal.aborted) {
        reject(new Interruption());
        return;
      }
      input.on("data", onData).on("end", onEnd).on("error", onError);
      this.#signal.addEventListener("abort", onAbort, { once: true });
      input.resume();
    });
  }
}
