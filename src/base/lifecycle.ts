/** Things that start and stop. A service is closed once, and closing waits for what it holds. */

/** Something with a lifetime. `close` is idempotent and resolves when nothing of it runs any more. */
export interface Closable {
  close(): Promise<void>;
}

/** Closes what was added, last first; every member is closed even if an earlier one fails. */
export class Closer implements Closable {
  readonly #members: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  /** Adds a member and returns it. */
  add<T extends Closable>(member: T): T {
    this.#members.push(() => member.close());
    return member;
  }

  /** Adds a function to run at close. */
  defer(close: () => Promise<void> | void): void {
    this.#members.push(close);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#members.reverse()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "closing failed");
  }
}
