/**
 * All documents of one kind in memory. Each reading first takes over what the store says has changed since the last one,
 * so it shows what a scan of the store would, without the scan.
 */
import { compareKeys } from "#backend/key.ts";
import type { Backend, Change, Item } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import type { Clock } from "#base/clock.ts";

/** More documents than this are read from the store each time. */
const mostKept = 20_000;

interface Entry<T> {
  readonly document: T;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** The documents under one prefix. */
export class DocumentMirror<T> {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #decode: (item: Item) => T;
  #entries = new Map<string, Entry<T>>();
  /** The state of the store that the entries show; undefined before they are first read. */
  #revision: string | undefined;
  #shown: { readonly documents: readonly T[]; readonly until: number } | undefined;

  constructor(backend: Backend, clock: Clock, prefix: string, decode: (item: Item) => T) {
    this.#backend = backend;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#decode = decode;
  }

  /** The documents in the order of their keys. The same list as long as nothing has changed: never change it. */
  async all(): Promise<readonly T[]> {
    if (!this.#follow()) await this.#read();
    const now = this.#clock.now().getTime();
    if (this.#shown === undefined || this.#shown.until <= now) this.#shown = this.#show(now);
    if (this.#entries.size > mostKept) this.#revision = undefined;
    return this.#shown.documents;
  }

  /** Takes over the latest changes; false when the documents must be read. */
  #follow(): boolean {
    if (this.#revision === undefined) return false;
    const since = this.#backend.changesSince({ prefix: this.#prefix }, this.#revision);
    if (since === undefined) return false;
    if (since.changes.length > 0) {
      this.#shown = undefined;
      let sorted = true;
      for (const change of since.changes) sorted = this.#apply(change) && sorted;
      if (!sorted) {
        this.#entries = new Map([...this.#entries].sort(([a], [b]) => compareKeys(a, b)));
      }
    }
    // Last: a change that cannot be read is met again at the next reading, and hides none behind it.
    this.#revision = since.revision;
    return true;
  }

  /** False when the entries are no longer in order. */
  #apply(change: Change): boolean {
    if (change.type === "delete") {
      this.#entries.delete(change.key);
      return true;
    }
    const known = this.#entries.has(change.item.key);
    this.#entries.set(change.item.key, this.#entryOf(change.item));
    return known;
  }

  async #read(): Promise<void> {
    const { revision } = await this.#backend.range({ prefix: this.#prefix }, { limit: 1 });
    const entries = new Map<string, Entry<T>>();
    for await (const item of scanItems(this.#backend, { prefix: this.#prefix })) {
      entries.set(item.key, this.#entryOf(item));
    }
    this.#entries = entries;
    this.#shown = undefined;
    this.#revision = revision;
    // What was written during the scan. When that is too much to be known, the next reading scans again.
    this.#follow();
  }

  #entryOf(item: Item): Entry<T> {
    const expires = item.expires?.getTime() ?? Number.POSITIVE_INFINITY;
    return { document: this.#decode(item), expires };
  }

  #show(now: number): { documents: readonly T[]; until: number } {
    const documents: T[] = [];
    let until = Number.POSITIVE_INFINITY;
    for (const { document, expires } of this.#entries.values()) {
      if (expires <= now) continue;
      documents.push(document);
      until = Math.min(until, expires);
    }
    return { documents, until };
  }
}
