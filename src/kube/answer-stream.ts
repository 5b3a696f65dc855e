/**
 * The last stream before the person: it tells that something passes, and can end a watch in the words of the Kubernetes
 * API, with an event of the type ERROR that holds a Status, which clients show.
 */
import { Transform, type TransformCallback } from "node:stream";
import type { Status } from "#api/kube-status.ts";

const newline = 0x0a;

/** Passes on what comes until it is concluded. */
export class AnswerStream extends Transform {
  readonly #touch: () => void;
  #over = false;
  #isBetweenLines = true;

  constructor(touch: () => void) {
    super();
    this.#touch = touch;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (!this.#over) {
      this.#touch();
      this.#isBetweenLines = chunk.at(-1) === newline;
      this.push(chunk);
    }
    done();
  }

  /** Ends a watch with the reason. False when an event is half sent: then it can only be broken off. */
  conclude(status: Status): boolean {
    if (this.#over || !this.#isBetweenLines) return false;
    this.#over = true;
    this.push(Buffer.from(`${JSON.stringify({ type: "ERROR", object: status })}\n`));
    this.push(null);
    return true;
  }
}
