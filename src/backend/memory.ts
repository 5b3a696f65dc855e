/**
 * A store in memory: for tests and for clusters that shall leave nothing behind. Gone when the
 * process ends.
 */
import type { Clock } from "#base/clock.ts";
import type { Engine, Row, Step, Table } from "./engine.ts";
import { type Bounds, compareKeys, isWithin } from "./key.ts";
import type { Backend, Change } from "./port.ts";
import { Store } from "./store.ts";

/** Opens an empty store in memory. */
export function openMemoryBackend(clock: Clock): Backend {
  return new Store(new MemoryEngine(), clock);
}

class MemoryEngine implements Engine, Table {
  revision = 0;
  onCommit: (changes: readonly Change[]) => void = () => {};
  readonly #rows = new Map<string, Row>();
  #sorted: string[] | undefined;

  async commit(step: Step): Promise<readonly Change[]> {
    const changes = step(this, this.revision + 1);
    if (changes.length > 0) this.revision++;
    this.onCommit(changes);
    return changes;
  }

  find(key: string): Row | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : { ...row, value: row.value.slice() };
  }

  peek(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  put(row: Row): void {
    if (!this.#rows.has(row.key)) this.#sorted = undefined;
    // Watchers get the row too: what they do with its bytes must not reach the store.
    this.#rows.set(row.key, { ...row, value: row.value.slice() });
  }

  delete(key: string): void {
    this.#rows.delete(key);
    this.#sorted = undefined;
  }

  listExpired(now: number, limit: number): string[] {
    const expired: string[] = [];
    for (const { key, expires } of this.#rows.values()) {
      if (expires !== undefined && expires <= now) expired.push(key);
      if (expired.length === limit) break;
    }
    return expired;
  }

  scan(bounds: Bounds, now: number, limit: number): Row[] {
    this.#sorted ??= [...this.#rows.keys()].sort(compareKeys);
    const rows: Row[] = [];
    for (let at = firstFrom(this.#sorted, bounds.start); rows.length < limit; at++) {
      const key = this.#sorted[at];
      if (key === undefined || !isWithin(key, bounds)) break;
      const row = this.find(key);
      if (row !== undefined && (row.expires === undefined || row.expires > now)) rows.push(row);
    }
    return rows;
  }

  async close(): Promise<void> {}
}

/** The place of the first key that is not before `start`. */
function firstFrom(sorted: readonly string[], start: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(sorted[middle] ?? "", start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
