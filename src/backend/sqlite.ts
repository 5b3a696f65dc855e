/**
 * The durable store on `node:sqlite`. Writes of one turn of the event loop share a transaction and
 * its one sync (group commit); reads run inline, because they cost a few microseconds. The log is
 * folded into the main file in small portions.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { type Logger, silentLogger } from "#base/log.ts";
import type { Engine, Row, Step, Table } from "./engine.ts";
import type { Bounds } from "./key.ts";
import type { Backend, Change } from "./port.ts";
import { faultOfSqlite, isFull } from "./sqlite-fault.ts";
import { openStoreFile, type StoreFile } from "./sqlite-file.ts";
import { Store } from "./store.ts";

/** Steps in one transaction: bounds how long the event loop stands still. */
const batchSteps = 256;
/** Steps that may wait. */
const pendingSteps = 100_000;
/**
 * Rows (of up to 4 KiB) written to the log before it is folded in: more make a longer pause, fewer
 * more syncs.
 */
const checkpointRows = 1000;

/** How to open a store. */
export interface SqliteOptions {
  /** The data directory; the store is `store.db` in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger?: Logger;
  /**
   * Size limit of the main file, rounded up to pages: beyond it writes are refused as on a full
   * disk.
   */
  readonly maxBytes?: number;
}

/**
 * Opens or creates a store. Throws `environment`, with a hint, when the data directory cannot be
 * used.
 */
export function openSqliteBackend(options: SqliteOptions): Backend {
  const file = openStoreFile(options.folder, options.maxBytes);
  return new Store(new SqliteEngine(file, options.logger ?? silentLogger), options.clock);
}

interface Pending {
  readonly step: Step;
  readonly resolve: (changes: readonly Change[]) => void;
  readonly reject: (error: unknown) => void;
}

class SqliteEngine implements Engine {
  revision: number;
  onCommit: (changes: readonly Change[]) => void = () => {};
  readonly #file: StoreFile;
  readonly #logger: Logger;
  readonly #table: SqliteTable;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #pending: Pending[] = [];
  #flush: NodeJS.Immediate | undefined;
  /** Set after an error that leaves the state of the disk unknown: nothing is written any more. */
  #broken: Fault | undefined;

  constructor(file: StoreFile, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
    this.#statements = prepareStatements(file.database);
    this.#table = new SqliteTable(file.database);
    this.revision = Number(this.#statements.revision.get()?.["value"]);
  }

  commit(step: Step): Promise<readonly Change[]> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#pending.length >= pendingSteps) {
      return Promise.reject(new Fault("limit", "too many writes wait for the store"));
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ step, resolve, reject });
      this.#flush ??= setImmediate(() => this.#flushOnce());
    });
  }

  /** Commits one batch, and comes again if more waits. */
  #flushOnce(): void {
    const batch = this.#pending.splice(0, batchSteps);
    this.#flush = this.#pending.length > 0 ? setImmediate(() => this.#flushOnce()) : undefined;
    let fault = this.#broken;
    try {
      if (fault === undefined) this.#settle(this.#commitBatch(batch));
    } catch (error) {
      fault = this.#failCommit(error);
    }
    if (fault !== undefined) for (const { reject } of batch) reject(fault);
    else this.#checkpointIfDue();
  }

  /** Tells watchers and writers, in this order and in the order of the revisions. */
  #settle(outcomes: readonly Outcome[]): void {
    for (const { pending, changes, error } of outcomes) {
      if (changes === undefined) pending.reject(error);
      else {
        if (changes.length > 0) this.onCommit(changes);
        pending.resolve(changes);
      }
    }
  }

  #commitBatch(batch: readonly Pending[]): Outcome[] {
    let revision = this.revision;
    this.#statements.begin.run();
    const outcomes = batch.map((pending): Outcome => {
      try {
        const changes = pending.step(this.#table, revision + 1);
        if (changes.length > 0) revision++;
        return { pending, changes };
      } catch (error) {
        // A condition that does not hold concerns this step alone: it has written nothing.
        if (error instanceof Fault) return { pending, error };
        throw error;
      }
    });
    if (revision !== this.revision) this.#statements.setRevision.run(revision);
    this.#statements.commit.run();
    this.revision = revision;
    return outcomes;
  }

  /** Undoes a failed transaction and decides whether writing may go on. */
  #failCommit(error: unknown): Fault {
    const fault = faultOfSqlite(error, this.#file.path);
    this.#logger.error("the store refused a write", { error });
    try {
      if (this.#file.database.isTransaction) this.#statements.rollback.run();
    } catch (rollbackError) {
      this.#broken = faultOfSqlite(rollbackError, this.#file.path);
    }
    if (!isFull(error)) this.#broken ??= fault;
    return fault;
  }

  #checkpointIfDue(): void {
    if (this.#table.writes < checkpointRows) return;
    this.#table.writes = 0;
    this.#checkpoint("PASSIVE");
  }

  /** A log that cannot be folded in now is no loss: it stays, and the next time comes. */
  #checkpoint(mode: "PASSIVE" | "TRUNCATE"): void {
    try {
      this.#file.database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
    } catch (error) {
      this.#logger.warn("the log of the store could not be folded in", { error });
    }
  }

  find(key: string): Row | undefined {
    const row = this.#read(() => this.#statements.find.get(key));
    return row === undefined ? undefined : rowOf(row);
  }

  scan({ start, end }: Bounds, now: number, limit: number): Row[] {
    return this.#read(() => this.#statements.scan.all(start, end, now, limit)).map(rowOf);
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw faultOfSqlite(error, this.#file.path);
    }
  }

  async close(): Promise<void> {
    while (this.#pending.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#checkpoint("TRUNCATE");
    this.#file.close();
  }
}

interface Outcome {
  readonly pending: Pending;
  readonly changes?: readonly Change[];
  readonly error?: Fault;
}

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollback: database.prepare("ROLLBACK"),
    revision: database.prepare("SELECT value FROM counters WHERE name = 'revision'"),
    setRevision: database.prepare("UPDATE counters SET value = ? WHERE name = 'revision'"),
    find: database.prepare("SELECT key, value, revision, expires FROM items WHERE key = ?"),
    scan: database.prepare(
      `SELECT key, value, revision, expires FROM items
       WHERE key >= ? AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?`,
    ),
  };
}

type SqlRow = Record<string, unknown>;

function rowOf(row: SqlRow): Row {
  return {
    key: String(row["key"]),
    value: row["value"] as Uint8Array,
    revision: Number(row["revision"]),
    expires: row["expires"] === null ? undefined : Number(row["expires"]),
  };
}

/**
 * The table inside of a transaction. Errors of SQLite pass through as they are: they end the
 * transaction.
 */
class SqliteTable implements Table {
  /** Rows written since it was last set to zero. */
  writes = 0;
  readonly #peek: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #expired: StatementSync;

  constructor(database: DatabaseSync) {
    this.#peek = database.prepare("SELECT revision, expires FROM items WHERE key = ?");
    this.#put = database.prepare("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)");
    this.#delete = database.prepare("DELETE FROM items WHERE key = ?");
    this.#expired = database.prepare("SELECT key FROM items WHERE expires <= ? LIMIT ?");
  }

  peek(key: string): Pick<Row, "revision" | "expires"> | undefined {
    const row = this.#peek.get(key) as SqlRow | undefined;
    if (row === undefined) return undefined;
    const expires = row["expires"] === null ? undefined : Number(row["expires"]);
    return { revision: Number(row["revision"]), expires };
  }

  put({ key, value, revision, expires }: Row): void {
    this.writes += 1 + (value.length >> 12);
    this.#put.run(key, value, revision, expires ?? null);
  }

  delete(key: string): void {
    this.writes++;
    this.#delete.run(key);
  }

  listExpired(now: number, limit: number): string[] {
    return this.#expired.all(now, limit).map((row) => String(row["key"]));
  }
}
