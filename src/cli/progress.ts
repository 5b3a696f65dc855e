/** Shows that something is going on. */

/** A line that says what is awaited. */
export interface Progress {
  /** Replaces the text. */
  update(label: string): void;
  /** Removes the line. Idempotent. */
  stop(): void;
}
