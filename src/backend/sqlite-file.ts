/**
 * Opening the file of a store: the folder, the lock that keeps a second process out, the integrity
 * check, the schema and its versions. Everything that can be wrong with a data directory is found
 * here, before anything is served.
 */
import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "#base/fault.ts";
import { faultOfSqlite, unreadable } from "./sqlite-fault.ts";

/**
 * Version of the tables below. A store of a newer version is refused; `migrations[n]` leads from
 * version n to n + 1.
 */
const schemaVersion = 1;

const migrations: readonly string[] = [
  `CREATE TABLE items (
     key TEXT NOT NULL PRIMARY KEY,
     value BLOB NOT NULL,
     revision INTEGER NOT NULL,
     expires INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;
   CREATE TABLE counters (
     name TEXT NOT NULL PRIMARY KEY,
     value INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   INSERT INTO counters VALUES ('revision', 0);`,
];

/**
 * Files up to this size are checked page by page at each start; it takes about a second for this
 * many bytes.
 */
const checkedBytes = 256 * 1024 * 1024;

/** An open store file. */
export interface StoreFile {
  readonly path: string;
  readonly database: DatabaseSync;
  /** Closes the database, then lets other processes in. */
  close(): void;
}

/**
 * Opens or creates `store.db` in the folder, which is created for this user alone if it is missing.
 * Throws `environment` when the folder is unreadable, the store damaged, in use by another process,
 * or written by a newer version.
 */
export function openStoreFile(folder: string, maxBytes?: number): StoreFile {
  const path = join(folder, "store.db");
  prepareFolder(folder, path);
  const lock = takeLock(folder, path);
  try {
    const database = openDatabase(path, maxBytes);
    return {
      path,
      database,
      close() {
        database.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function prepareFolder(folder: string, path: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite gives its side files the mode of the main file.
    closeSync(openSync(path, "a+", 0o600));
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

/**
 * Holds an exclusive lock for as long as the process lives: an open transaction on an empty
 * database beside the store. The operating system drops it when the process dies in any way.
 */
function takeLock(folder: string, path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(folder, "store.lock"));
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    throw faultOfSqlite(error, path);
  }
}

function openDatabase(path: string, maxBytes: number | undefined): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // FULL syncs the log at each commit: what was acknowledged survives a power cut. Checkpoints
    // are ours.
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0",
    );
    checkIntegrity(database, path);
    migrate(database, path);
    if (maxBytes !== undefined)
      database.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / 4096)}`);
    return database;
  } catch (error) {
    database?.close();
    throw faultOfSqlite(error, path);
  }
}

function checkIntegrity(database: DatabaseSync, path: string): void {
  if (statSync(path).size > checkedBytes) return;
  const result = database.prepare("PRAGMA quick_check(1)").get();
  if (result?.["quick_check"] === "ok") return;
  const cause = new Fault("malformed", `quick_check: ${String(result?.["quick_check"])}`);
  throw new Fault("environment", `the store ${path} is damaged`, {
    hint: "stop gatehouse, keep a copy of the file, and restore the data directory from a backup",
    cause,
  });
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > schemaVersion) {
    throw new Fault(
      "environment",
      `the store ${path} was written by a newer version of gatehouse`,
      {
        hint: "start the newer version again, or restore a backup that this version made",
      },
    );
  }
  for (let at = version; at < schemaVersion; at++) {
    database.exec(`BEGIN IMMEDIATE; ${migrations[at]}; PRAGMA user_version = ${at + 1}; COMMIT`);
  }
}
