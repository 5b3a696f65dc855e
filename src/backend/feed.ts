/**
 * Recent changes, and those who watch. Keeps a bounded history, so that a watcher can begin a
 * little in the past; a watcher that falls too far behind is told to read again instead of filling
 * the memory.
 */
import { Fault } from "#base/fault.ts";
import { type Bounds, isWithin } from "./key.ts";
import type { Change } from "./port.ts";

/** How much the feed keeps. */
const bounds = {
  /** Changes of the past. */
  history: 4096,
  /** Bytes of the values among them. */
  historyBytes: 8 * 1024 * 1024,
  /** Changes that wait for one watcher. */
  pending: 65_536,
} as const;

/** The feed of one store. */
export class ChangeFeed {
  readonly #watchers = new Set<Watcher>();
  #history: Change[] = [];
  #historyBytes = 0;
  /** The changes after this revision are in the history. */
  #historyStart: number;

  constructor(revision: number) {
    this.#historyStart = revision;
  }

  /** Hands changes that became durable to the watchers, in order. */
  publish(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#history.push(change);
      this.#historyBytes += sizeOf(change);
      for (const watcher of this.#watchers) watcher.offer(change);
    }
    if (this.#history.length > bounds.history || this.#historyBytes > bounds.historyBytes)
      this.#trim();
  }

  /** Forgets the older half; a revision is kept whole or not at all. */
  #trim(): void {
    const cut = this.#history[Math.ceil(this.#history.length / 2) - 1];
    this.#historyStart = Number(cut?.revision ?? this.#historyStart);
    this.#history = this.#history.filter(({ revision }) => Number(revision) > this.#historyStart);
    this.#historyBytes = this.#history.reduce((sum, change) => sum + sizeOf(change), 0);
  }

  /**
   * Registers a watcher; `from` and `now` are revisions. Throws `conflict` when the history does
   * not reach back.
   */
  watch(range: Bounds, from: number, now: number, signal?: AbortSignal): Watcher {
    if (!(from >= this.#historyStart && from <= now)) throw staleWatch();
    const watcher = new Watcher(range, () => this.#watchers.delete(watcher), signal);
    for (const change of this.#history) {
      if (Number(change.revision) > from) watcher.offer(change);
    }
    this.#watchers.add(watcher);
    if (signal?.aborted) watcher.end();
    return watcher;
  }

  /** The changes of a range after a revision; undefined when the history does not reach back. */
  since(range: Bounds, revision: number): Change[] | undefined {
    if (revision < this.#historyStart) return undefined;
    const first = this.#history.findLastIndex((change) => Number(change.revision) <= revision) + 1;
    return this.#history.slice(first).filter((change) => isWithin(keyOf(change), range));
  }

  /** Ends all watches with a fault. */
  close(fault: Fault): void {
    for (const watcher of [...this.#watchers]) watcher.end(fault);
  }
}

function sizeOf(change: Change): number {
  return change.type === "put" ? change.item.value.length + 256 : 256;
}

function staleWatch(): Fault {
  return new Fault("conflict", "the changes since that revision are no longer kept: read again");
}

/** The key of the item that changed. */
export function keyOf(change: Change): string {
  return change.type === "put" ? change.item.key : change.key;
}

type Result = IteratorResult<Change, undefined>;

/** One watch: an iterator that waits for changes. */
class Watcher implements AsyncIterableIterator<Change> {
  readonly #range: Bounds;
  readonly #unregister: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.end();
  #pending: Change[] = [];
  #at = 0;
  #waiting: { resolve: (result: Result) => void; reject: (fault: Fault) => void }[] = [];
  #ended = false;
  #fault: Fault | undefined;

  constructor(range: Bounds, unregister: () => void, signal?: AbortSignal) {
    this.#range = range;
    this.#unregister = unregister;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes a change if it lies in the range. */
  offer(change: Change): void {
    if (this.#ended || !isWithin(keyOf(change), this.#range)) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ value: change, done: false });
    else if (this.#pending.push(change) - this.#at > bounds.pending) {
      this.#pending = [];
      this.#at = 0;
      this.end(staleWatch());
    }
  }

  /** No more changes; what is pending is still delivered, then the fault once, then the end. */
  end(fault?: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#unregister();
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (first === undefined) this.#fault = fault;
    else if (fault === undefined) first.resolve({ value: undefined, done: true });
    else first.reject(fault);
    for (const { resolve } of others) resolve({ value: undefined, done: true });
  }

  next(): Promise<Result> {
    const change = this.#pending[this.#at];
    if (change !== undefined) {
      this.#at++;
      if (this.#at >= 1024 || this.#at === this.#pending.length) {
        this.#pending = this.#pending.slice(this.#at);
        this.#at = 0;
      }
      return Promise.resolve({ value: change, done: false });
    }
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) return Promise.reject(fault);
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<Result> {
    this.#pending = [];
    this.#at = 0;
    this.end();
    this.#fault = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }
}
