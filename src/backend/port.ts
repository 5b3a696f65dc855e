/**
 * The store of the auth service as it sees it: keys and bytes with revisions, conditional writes,
 * pages, expiry and a feed of changes. The same conformance suite holds every implementation to
 * these words. A store knows nothing of what keys and values mean; `key.ts` builds keys from parts.
 *
 * A write has happened when its promise resolves: it is durable and every later read sees it.
 */
import type { Closable } from "#base/lifecycle.ts";

/** A stored value. */
export interface Item {
  readonly key: string;
  readonly value: Uint8Array;
  /**
   * Changes with every write of the item. Opaque: compare for equality only. An item that is deleted
   * and created again never gets an old revision back.
   */
  readonly revision: string;
  /** The item is gone from this moment on, to the millisecond. */
  readonly expires?: Date;
}

/** What a write may say besides key and value. */
export interface WriteOptions {
  /** When the item vanishes by itself. A moment that is not in the future is `invalid`. */
  readonly expires?: Date | undefined;
}

/**
 * Part of the key space: all keys that start with `prefix`, or those from `start` (inclusive) to
 * `end` (exclusive).
 */
export type KeyRange =
  | { readonly prefix: string }
  | { readonly start: string; readonly end: string };

/** Which part of a range to return. */
export interface RangeOptions {
  /**
   * At most so many items: 1 to {@link limits}.page, and that by default. Anything else is
   * `invalid`.
   */
  readonly limit?: number | undefined;
  /** Only keys greater than this one: `next` of the page before. */
  readonly after?: string | undefined;
}

/** Items in the order of their keys (byte order of UTF-8). */
export interface Page {
  readonly items: readonly Item[];
  /** Give it as `after` to read on; absent on the last page. */
  readonly next?: string;
  /**
   * The state of the store that the page shows: a watch from here misses nothing that the page does
   * not show.
   */
  readonly revision: string;
}

/**
 * What must hold for an item before a write: anything, nothing there, something there, or exactly
 * this revision.
 */
export type Condition = "any" | "absent" | "present" | { readonly revision: string };

/** One step of {@link Backend.atomic}. A key may stand in one step only. */
export type Operation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly expires?: Date | undefined;
      readonly if?: Condition;
    }
  | { readonly type: "delete"; readonly key: string; readonly if?: Condition }
  | { readonly type: "check"; readonly key: string; readonly if: Condition };

/** A change, in the order in which changes became durable. */
export type Change =
  | { readonly type: "put"; readonly item: Item; readonly revision: string }
  | {
      readonly type: "delete";
      readonly key: string;
      readonly revision: string;
      /** True when nobody deleted the item: its time was up. */
      readonly expired: boolean;
    };

/** Changes, in the order in which they became durable. */
export interface Changes {
  readonly changes: readonly Change[];
  /** The state of the store after them. */
  readonly revision: string;
}

/** Where a watch begins and when it ends. */
export interface WatchOptions {
  /** Changes after this revision; by default changes after the call. */
  readonly from?: string | undefined;
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Bounds that every implementation refuses to cross, with `invalid` or `limit`. */
export const limits = {
  /** Bytes of a key in UTF-8. */
  key: 1024,
  /** Bytes of a value. */
  value: 1024 * 1024,
  /** Items in a page. */
  page: 1000,
  /** Operations in one atomic write. */
  operations: 256,
} as const;

/**
 * A store. All methods throw `invalid` for a bad key, `environment` when the machine cannot do it
 * (full disk, damaged file: reads go on where they can) and `unavailable` after close.
 */
export interface Backend extends Closable {
  /** The item; throws `not-found`. */
  get(key: string): Promise<Item>;

  /** The item, or undefined. */
  find(key: string): Promise<Item | undefined>;

  /** Writes whatever was there before. Gives the new revision. */
  put(key: string, value: Uint8Array, options?: WriteOptions): Promise<string>;

  /** Writes if there is nothing yet; else throws `already-exists`. Gives the new revision. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<string>;

  /**
   * Writes if the item still has `revision`; else, or when it is gone, throws `conflict`. Gives the
   * new revision.
   */
  update(key: string, value: Uint8Array, revision: string, options?: WriteOptions): Promise<string>;

  /** Deletes; gives false when there was nothing. */
  delete(key: string): Promise<boolean>;

  /** Deletes if the item still has `revision`; else, or when it is gone, throws `conflict`. */
  deleteIf(key: string, revision: string): Promise<void>;

  /** Items of a part of the key space, page by page. */
  range(range: KeyRange, options?: RangeOptions): Promise<Page>;

  /**
   * All operations or none; throws `conflict` when a condition does not hold. All puts get the one
   * revision that it gives back.
   */
  atomic(operations: readonly Operation[]): Promise<string>;

  /**
   * The changes of a range, without gaps, from the moment of the call or from a revision. The feed
   * is registered when the method returns. The iteration throws `conflict` when the changes since
   * `from` are no longer kept, or when its reader falls too far behind: read the range again and
   * watch from that page's revision.
   */
  watch(range: KeyRange, options?: WatchOptions): AsyncIterableIterator<Change>;

  /**
   * The changes of a range after a revision, up to now; undefined when they are no longer kept: read
   * the range again.
   */
  changesSince(range: KeyRange, revision: string): Changes | undefined;

  /**
   * Deletes what has expired and tells the watchers; gives the number. Runs by itself about once a
   * second: readers never see an expired item even before that.
   */
  sweep(): Promise<number>;
}
