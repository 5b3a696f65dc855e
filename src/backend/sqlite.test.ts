/**
 * The durable store keeps the promises of the port, and says clearly what is wrong with a data
 * directory.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { testBackend } from "../../test/support/backend-conformance.ts";
import { openSqliteBackend } from "./sqlite.ts";

const root = mkdtempSync(join(tmpdir(), "gatehouse-sqlite-"));
after(() => rmSync(root, { recursive: true, force: true }));
const clock = new ManualClock(new Date("2026-11-21T12:00:00Z"));

let count = 0;
function newFolder(): string {
  return join(root, String(++count));
}

testBackend("sqlite", (time) => openSqliteBackend({ folder: newFolder(), clock: time }));

function assertRefused(folder: string, message: RegExp, hint: RegExp): void {
  assert.throws(
    () => openSqliteBackend({ folder, clock }),
    (error) => {
      assert.ok(isFault(error, "environment"), String(error));
      assert.match(error.message, message);
      assert.match(error.hint ?? "", hint);
      return true;
    },
  );
}

test("keeps everything, and the order of revisions, across a restart", async () => {
  const folder = newFolder();
  const first = openSqliteBackend({ folder, clock });
  const revision = await first.put("/a", Uint8Array.of(1));
  await first.put("/b", Uint8Array.of(2));
  await first.delete("/b");
  const { revision: last } = await first.range({ prefix: "/" });
  await first.close();
  const second = openSqliteBackend({ folder, clock });
  assert.equal((await second.get("/a")).revision, revision);
  assert.ok(Number(await second.put("/b", Uint8Array.of(3))) > Number(last));
  await second.close();
});

test("creates its folder and files for this user alone", async () => {
  const folder = newFolder();
  const backend = openSqliteBackend({ folder, clock });
  await backend.put("/a", Uint8Array.of(1));
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const file of ["store.db", "store.db-wal"]) {
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  }
  await backend.close();
});

test("leaves no log behind after an orderly close", async () => {
  const folder = newFolder();
  const backend = openSqliteBackend({ folder, clock });
  await backend.put("/a", Uint8Array.of(1));
  await backend.close();
  assert.equal(statSync(join(folder, "store.db-wal"), { throwIfNoEntry: false }), undefined);
});

test("keeps a second process out, until the first has closed", async () => {
  const folder = newFolder();
  const first = openSqliteBackend({ folder, clock });
  assertRefused(folder, /in use by another process/, /stop the other gatehouse/);
  await first.close();
  await openSqliteBackend({ folder, clock }).close();
});

test("refuses a file that is no store", () => {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, "store.db"), "this is not a database, it is a text. ".repeat(100));
  assertRefused(folder, /is damaged/, /restore the data directory from a backup/);
});

test("refuses a store with a damaged page", async () => {
  const folder = newFolder();
  const backend = openSqliteBackend({ folder, clock });
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => backend.put(`/n/${i}`, new Uint8Array(1000).fill(i))),
  );
  await backend.close();
  const path = join(folder, "store.db");
  const { size } = statSync(path);
  const file = openSync(path, "r+");
  for (let at = 8192; at < size; at += 4096)
    writeSync(file, new Uint8Array(64).fill(0xa5), 0, 64, at);
  closeSync(file);
  assertRefused(folder, /is damaged/, /backup/);
});

test("refuses a store that a newer version wrote", async () => {
  const folder = newFolder();
  await openSqliteBackend({ folder, clock }).close();
  const database = new DatabaseSync(join(folder, "store.db"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  assertRefused(folder, /newer version/, /start the newer version again/);
});

test("refuses a data directory that cannot be one", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  assertRefused(file, /cannot be read and written/, /ls -ld/);
  assertRefused(join(file, "below"), /cannot be read and written/, /ls -ld/);
});

test("refuses a data directory without permission", () => {
  const folder = newFolder();
  mkdirSync(folder);
  chmodSync(folder, 0o500);
  const isRoot = process.getuid?.() === 0;
  // Root may write everywhere: for a moment this process is somebody else.
  if (isRoot) process.seteuid?.(65534);
  try {
    assertRefused(folder, /cannot be read and written/, /owner and permissions/);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test("refuses writes when the store is full, keeps reading, and writes again when there is room", async () => {
  const folder = newFolder();
  const backend = openSqliteBackend({ folder, clock, maxBytes: 200 * 1024 });
  const value = new Uint8Array(4000);
  let written = 0;
  const full = await (async () => {
    for (;;) {
      try {
        await backend.put(`/n/${String(written).padStart(4, "0")}`, value);
        written++;
      } catch (error) {
        return error;
      }
    }
  })();
  assert.ok(isFault(full, "environment"), String(full));
  assert.match(full.message, /no space left .*nothing was written/);
  assert.ok(written > 10);
  assert.equal((await backend.range({ prefix: "/n/" })).items.length, written);
  await assert.rejects(backend.put("/more", new Uint8Array(8000)), { code: "environment" });
  for (let i = 0; i < 5; i++) assert.ok(await backend.delete(`/n/${String(i).padStart(4, "0")}`));
  await backend.put("/again", value);
  await backend.close();
  const again = openSqliteBackend({ folder, clock });
  assert.equal((await again.range({ prefix: "/" })).items.length, written - 5 + 1);
  await again.close();
});
