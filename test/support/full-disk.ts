/**
 * What the full-disk test runs on a file system of 4 MiB: fills it through the store and the audit
 * log, makes room, goes on. Prints one JSON object on stdout.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileSink } from "#auth/audit/file-sink.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";

const [disk = ""] = process.argv.slice(2);
const filler = join(disk, "filler");
writeFileSync(filler, new Uint8Array(1024 * 1024));

/** Repeats an act until it is refused; gives how often it succeeded, and the refusal. */
async function untilRefused(act: (n: number) => Promise<unknown>) {
  for (let n = 0; n < 10_000; n++) {
    try {
      await act(n);
    } catch (error) {
      if (!isFault(error)) throw error;
      return { done: n, code: error.code, message: error.message, hint: error.hint };
    }
  }
  throw new TypeError("the disk did not get full");
}

const folder = join(disk, "data");
let backend = openSqliteBackend({ folder, clock: systemClock });
const put = (n: number) => backend.put(`/n/${n}`, new Uint8Array(3000).fill(n));
const store = await untilRefused(put);
const readable = (await backend.range({ prefix: "/n/" })).items.length;

const sink = new FileSink(join(disk, "audit"), systemClock);
const event = {
  ei: 0,
  event: "exec",
  code: "T3002I",
  time: "2026-11-21T00:00:00.000Z",
  cluster_name: "c",
};
const emit = () => sink.emit({ ...event, uid: uuid(), command: "x".repeat(5000) });
const audit = await untilRefused(emit);

rmSync(filler);
await put(99_999);
await emit();
await sink.close();
await backend.close();
backend = openSqliteBackend({ folder, clock: systemClock });
const kept = (await backend.range({ prefix: "/n/" })).items.length;
await backend.close();
console.log(JSON.stringify({ store, readable, audit, kept }));
