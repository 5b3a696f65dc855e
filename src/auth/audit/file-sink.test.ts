/**
 * The log files hold whole lines, one file per day, and say clearly when they cannot be written.
 */
import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { AuditEvent } from "#audit/event.ts";
import { joinSinks } from "#audit/sink.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { FileSink } from "./file-sink.ts";

const root = mkdtempSync(join(tmpdir(), "gatehouse-audit-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
const newFolder = () => join(root, String(++count));
const newClock = () => new ManualClock(new Date("2026-11-21T23:59:59Z"));

function event(uid: string): AuditEvent {
  return {
    ei: 0,
    event: "exec",
    code: "T3002I",
    uid,
    time: "2026-11-21T23:59:59.000Z",
    cluster_name: "c",
  };
}

function uidsIn(path: string): string[] {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as AuditEvent).uid);
}

test("writes events in order, one line each, for this user alone", async () => {
  const folder = newFolder();
  const sink = new FileSink(folder, newClock());
  const uids = Array.from({ length: 500 }, (_, i) => `a\nb${i}`);
  await Promise.all(uids.map((uid) => sink.emit(event(uid))));
  const path = join(folder, "2026-11-21.jsonl");
  assert.deepEqual(uidsIn(path), uids);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await sink.close();
});

test("begins a new file with each day", async () => {
  const folder = newFolder();
  const clock = newClock();
  const sink = new FileSink(folder, clock);
  await sink.emit(event("1"));
  clock.advance(1000);
  await sink.emit(event("2"));
  await sink.close();
  assert.deepEqual(readdirSync(folder).sort(), ["2026-11-21.jsonl", "2026-11-22.jsonl"]);
  assert.deepEqual(uidsIn(join(folder, "2026-11-22.jsonl")), ["2"]);
});

test("goes on in the file of the day after a restart", async () => {
  const folder = newFolder();
  for (const uid of ["1", "2"]) {
    const sink = new FileSink(folder, newClock());
    await sink.emit(event(uid));
    await sink.close();
  }
  assert.deepEqual(uidsIn(join(folder, "2026-11-21.jsonl")), ["1", "2"]);
});

test("cuts off a line that a crash has torn, and nothing else", async () => {
  for (const torn of ['{"ei":0,"ev', "x".repeat(200_000)]) {
    const folder = newFolder();
    const first = new FileSink(folder, newClock());
    await first.emit(event("1"));
    await first.close();
    const path = join(folder, "2026-11-21.jsonl");
    appendFileSync(path, torn);
    const second = new FileSink(folder, newClock());
    await second.emit(event("2"));
    await second.close();
    assert.deepEqual(uidsIn(path), ["1", "2"]);
  }
});

test("a file that holds nothing but a torn line begins anew", async () => {
  const folder = newFolder();
  const first = new FileSink(folder, newClock());
  await first.emit(event("1"));
  await first.close();
  const path = join(folder, "2026-11-21.jsonl");
  writeFileSync(path, "torn");
  const second = new FileSink(folder, newClock());
  await second.emit(event("2"));
  await second.close();
  assert.deepEqual(uidsIn(path), ["2"]);
});

test("refuses events when its folder cannot be one, and takes them again when it can", async () => {
  const folder = newFolder();
  writeFileSync(folder, "");
  const sink = new FileSink(folder, newClock());
  await assert.rejects(sink.emit(event("1")), (error) => {
    assert.ok(isFault(error, "environment"));
    assert.match(error.hint ?? "", /ls -ld/);
    return true;
  });
  rmSync(folder);
  await sink.emit(event("2"));
  await sink.close();
  assert.deepEqual(uidsIn(join(folder, "2026-11-21.jsonl")), ["2"]);
});

test("writes what waits before it closes, and nothing after", async () => {
  const folder = newFolder();
  const sink = new FileSink(folder, newClock());
  const waiting = sink.emit(event("1"));
  await sink.close();
  await waiting;
  await assert.rejects(sink.emit(event("2")), { code: "unavailable" });
  assert.deepEqual(uidsIn(join(folder, "2026-11-21.jsonl")), ["1"]);
});

test("several sinks are one: an event that one of them refuses is refused", async () => {
  const folder = newFolder();
  const good = new FileSink(folder, newClock());
  await joinSinks([good, good]).emit(event("1"));
  assert.deepEqual(uidsIn(join(folder, "2026-11-21.jsonl")), ["1", "1"]);
  const closed = new FileSink(newFolder(), newClock());
  await closed.close();
  await assert.rejects(joinSinks([good, closed]).emit(event("2")), { code: "unavailable" });
  await good.close();
});
