/**
 * The port below the store: a sorted table whose writes come in transactions. It knows no
 * conditions and no clock.
 */
import type { Bounds } from "./key.ts";
import type { Change } from "./port.ts";

/** An item as engines keep it: revision and expiry (milliseconds since 1970) are numbers. */
export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly expires: number | undefined;
}

/** What a step of a transaction may do with the table. It sees what the steps before it did. */
export interface Table {
  /** Revision and expiry of the row, which may have expired. */
  peek(key: string): Pick<Row, "revision" | "expires"> | undefined;
  put(row: Row): void;
  delete(key: string): void;
  /** At most `limit` keys whose time is up at `now`. */
  listExpired(now: number, limit: number): string[];
}

/**
 * One atomic write: checks first, then changes, and gives what it changed. It throws before its
 * first change or not at all. What it writes carries `revision`.
 */
export type Step = (table: Table, revision: number) => readonly Change[];

/** A table. Reads are synchronous and see only what is durable. */
export interface Engine {
  /** Of the last durable write. It never repeats, also not after a restart. */
  readonly revision: number;

  /**
   * Runs the step in one of the next transactions; resolves when it is durable, after `onCommit`
   * was told.
   */
  commit(step: Step): Promise<readonly Change[]>;

  /**
   * Is called with the changes of each transaction as soon as it is durable. Set once, before the
   * first commit.
   */
  onCommit: (changes: readonly Change[]) => void;

  find(key: string): Row | undefined;

  /** At most `limit` rows that have not expired at `now`, in the order of their keys. */
  scan(bounds: Bounds, now: number, limit: number): Row[];

  /** Makes durable what is pending, then lets go of everything. */
  close(): Promise<void>;
}
