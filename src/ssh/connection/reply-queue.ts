/** Answers requests one after the other, in the order in which they came (RFC 4254 sections 4 and 5.4). */
import { Fault, isFault } from "#base/fault.ts";

/** Requests that may wait for their answer. */
const limit = 256;

/** A queue of requests of which one is handled at a time. */
export class ReplyQueue {
  readonly #fail: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** `fail` ends the connection: a peer that floods, or a bug in a handler. */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
  }

  /** Runs `handle` after all earlier ones and gives its result to `answer`. A fault is the answer false. */
  add<T>(handle: () => Promise<T>, answer: (result: T | false) => void): void {
    if (this.#waiting === limit) {
      this.#fail(new Fault("limit", "the SSH peer sends more requests than are answered"));
      return;
    }
    this.#waiting++;
    this.#last = this.#last
      .then(handle)
      .catch((error: unknown) => {
        if (!isFault(error)) throw error;
        return false as const;
      })
      .then(answer)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#waiting--);
  }
}
