/**
 * The backend on top of an engine: checks of arguments, conditions, expiry and the feed are the
 * same for every engine and stand here once.
 */
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Engine, Row, Table } from "./engine.ts";
import { ChangeFeed } from "./feed.ts";
import { boundsOf, checkKey } from "./key.ts";
import {
  type Backend,
  type Change,
  type Changes,
  type Condition,
  type Item,
  type KeyRange,
  limits,
  type Operation,
  type Page,
  type RangeOptions,
  type WatchOptions,
  type WriteOptions,
} from "./port.ts";

/** How often expired items are swept. */
const sweepEveryMs = 1000;
/** How many items one transaction of a sweep deletes. */
const sweepBatch = 500;

/** A {@link Backend} on an engine. */
export class Store implements Backend {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #feed: ChangeFeed;
  readonly #sweeper: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  /** Owns the engine from now on. The clock decides what has expired. */
  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#feed = new ChangeFeed(engine.revision);
    engine.onCommit = (changes) => this.#feed.publish(changes);
    // A failed sweep is tried again in a second; readers never see expired items anyway.
    this.#sweeper = setInterval(() => void this.sweep().catch(() => 0), sweepEveryMs).unref();
  }

  async get(key: string): Promise<Item> {
    const item = await this.find(key);
    if (item === undefined) throw new Fault("not-found", "there is no such item in the store");
    return item;
  }

  async find(key: string): Promise<Item | undefined> {
    checkKey(key);
    this.#checkOpen();
    const row = this.#engine.find(key);
    return row === undefined || hasExpired(row, this.#now()) ? undefined : itemOf(row);
  }

  async put(key: string, value: Uint8Array, options?: WriteOptions): Promise<string> {
    return this.atomic([{ type: "put", key, value, expires: options?.expires }]);
  }

  async create(key: string, value: Uint8Array, options?: WriteOptions): Promise<string> {
    const operation = { type: "put", key, value, expires: options?.expires, if: "absent" } as const;
    return revisionOf(await this.#write([operation], "already-exists"));
  }

  async update(
    key: string,
    value: Uint8Array,
    revision: string,
    options?: WriteOptions,
  ): Promise<string> {
    const expires = options?.expires;
    return this.atomic([{ type: "put", key, value, expires, if: { revision } }]);
  }

  async delete(key: string): Promise<boolean> {
    const changes = await this.#write([{ type: "delete", key }]);
    return changes.length > 0;
  }

  async deleteIf(key: string, revision: string): Promise<void> {
    await this.#write([{ type: "delete", key, if: { revision } }]);
  }

  async atomic(operations: readonly Operation[]): Promise<string> {
    const changes = await this.#write(operations);
    return changes.length > 0 ? revisionOf(changes) : String(this.#engine.revision);
  }

  async #write(
    operations: readonly Operation[],
    onCondition: "conflict" | "already-exists" = "conflict",
  ): Promise<readonly Change[]> {
    const now = this.#now();
    const copies = checkOperations(operations, now);
    this.#checkOpen();
    return this.#engine.commit((table, revision) => {
      const present = copies.map((operation) => checkCondition(table, operation, now, onCondition));
      return copies.flatMap((operation, i) =>
        apply(table, operation, revision, present[i] ?? false),
      );
    });
  }

  async range(range: KeyRange, options: RangeOptions = {}): Promise<Page> {
    const { limit = limits.page, after } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.page) {
      throw new Fault("invalid", `the limit of a page must be 1 to ${limits.page}`);
    }
    const bounds = boundsOf(range, after);
    this.#checkOpen();
    const rows = this.#engine.scan(bounds, this.#now(), limit + 1);
    const items = rows.slice(0, limit).map(itemOf);
    const revision = String(this.#engine.revision);
    const next = rows.length > limit ? items.at(-1)?.key : undefined;
    return next === undefined ? { items, revision } : { items, revision, next };
  }

  watch(range: KeyRange, options: WatchOptions = {}): AsyncIterableIterator<Change> {
    this.#checkOpen();
    const now = this.#engine.revision;
    const from = options.from === undefined ? now : parseRevision(options.from);
    return this.#feed.watch(boundsOf(range), from, now, options.signal);
  }

  changesSince(range: KeyRange, revision: string): Changes | undefined {
    this.#checkOpen();
    const changes = this.#feed.since(boundsOf(range), parseRevision(revision));
    return changes && { changes, revision: String(this.#engine.revision) };
  }

  async sweep(): Promise<number> {
    this.#checkOpen();
    let total = 0;
    let swept: readonly Change[];
    do {
      const now = this.#now();
      swept = await this.#engine.commit((table, revision) =>
        table.listExpired(now, sweepBatch).map((key) => {
          table.delete(key);
          return { type: "delete", key, revision: String(revision), expired: true };
        }),
      );
      total += swept.length;
    } while (swept.length === sweepBatch && this.#closing === undefined);
    return total;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#engine.close();
    this.#feed.close(closed());
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }

  #now(): number {
    return this.#clock.now().getTime();
  }
}

function closed(): Fault {
  return new Fault("unavailable", "the store is closed");
}

function itemOf({ key, value, revision, expires }: Row): Item {
  const item = { key, value, revision: String(revision) };
  return expires === undefined ? item : { ...item, expires: new Date(expires) };
}

function hasExpired(row: Pick<Row, "expires">, now: number): boolean {
  return row.expires !== undefined && row.expires <= now;
}

function revisionOf(changes: readonly Change[]): string {
  return changes[0]?.revision ?? "";
}

function parseRevision(revision: string): number {
  if (!/^(0|[1-9]\d{0,15})$/.test(revision)) {
    throw new Fault("invalid", "that is not a revision of this store");
  }
  return Number(revision);
}

/**
 * Checks everything that can be checked before the transaction, and copies the values: callers may
 * reuse their buffers.
 */
function checkOperations(operations: readonly Operation[], now: number): Operation[] {
  if (operations.length === 0 || operations.length > limits.operations) {
    throw new Fault("limit", `an atomic write has 1 to ${limits.operations} operations`);
  }
  if (new Set(operations.map(({ key }) => key)).size !== operations.length) {
    throw new Fault("invalid", "an atomic write names a key twice");
  }
  return operations.map((operation) => {
    checkKey(operation.key);
    if (operation.type !== "put") return operation;
    if (operation.value.length > limits.value) {
      throw new Fault("limit", `a value of the store is larger than ${limits.value} bytes`);
    }
    if (operation.expires !== undefined && !(operation.expires.getTime() > now)) {
      throw new Fault("invalid", "the expiry of an item must lie in the future");
    }
    return { ...operation, value: operation.value.slice() };
  });
}

/** Throws unless the condition holds; gives whether there is an item. */
function checkCondition(
  table: Table,
  operation: Operation,
  now: number,
  onCondition: "conflict" | "already-exists",
): boolean {
  const condition: Condition = operation.if ?? "any";
  if (condition === "any" && operation.type === "put") return true;
  const found = table.peek(operation.key);
  const present = found !== undefined && !hasExpired(found, now);
  const holds =
    condition === "any" ||
    (condition === "absent" && !present) ||
    (condition === "present" && present) ||
    (typeof condition === "object" && present && String(found.revision) === condition.revision);
  if (holds) return present;
  if (onCondition === "already-exists") {
    throw new Fault("already-exists", "there is such an item in the store already");
  }
  throw new Fault("conflict", "the stored item has changed since it was read", {
    hint: "read it again and repeat the change",
  });
}

function apply(table: Table, operation: Operation, revision: number, present: boolean): Change[] {
  const { key } = operation;
  if (operation.type === "put") {
    const row = { key, value: operation.value, revision, expires: operation.expires?.getTime() };
    table.put(row);
    return [{ type: "put", item: itemOf(row), revision: String(revision) }];
  }
  if (operation.type === "check" || !present) return [];
  table.delete(key);
  return [{ type: "delete", key, revision: String(revision), expired: false }];
}
