/** What runs when, played in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterFailure,
  afterSuccess,
  type EntryHistory,
  isSchedulable,
  nextRun,
  type Periods,
} from "./schedule.ts";

const hour = 3_600_000;
const start = new Date("2026-11-21T00:00:00Z");
const later = (ms: number) => new Date(start.getTime() + ms);

/** Plays a schedule whose runs take `tookMs` and fail where `fails` says; gives "hours kind entry". */
function play(
  entries: readonly Periods[],
  count: number,
  { tookMs = 0, fails = (_run: number): boolean => false } = {},
): string[] {
  const histories: EntryHistory[] = entries.map(() => ({}));
  const lines: string[] = [];
  let now = start;
  for (let run = 0; run < count; run++) {
    const planned = nextRun(entries, histories, start, now);
    if (planned === undefined) break;
    const began = new Date(Math.max(planned.at.getTime(), now.getTime()));
    now = new Date(began.getTime() + tookMs);
    const history = histories[planned.entry] ?? {};
    histories[planned.entry] = fails(run)
      ? afterFailure(history, now)
      : afterSuccess(history, planned.kind, began);
    const hours = Number(((began.getTime() - start.getTime()) / hour).toFixed(2));
    lines.push(`${hours} ${planned.kind} ${planned.entry}`);
  }
  return lines;
}

test("six hours and a day: full, three partial runs, full", () => {
  const runs = play([{ partialMs: 6 * hour, fullMs: 24 * hour }], 6);
  assert.deepEqual(runs, [
    "0 full 0",
    "6 partial 0",
    "12 partial 0",
    "18 partial 0",
    "24 full 0",
    "30 partial 0",
  ]);
});

test("a full run that comes due while a partial one is late replaces it", () => {
  const runs = play([{ partialMs: 6 * hour, fullMs: 24 * hour }], 4, { tookMs: 13 * hour });
  assert.deepEqual(runs, ["0 full 0", "13 partial 0", "26 full 0", "39 partial 0"]);
});

test("either kind can be switched off", () => {
  assert.deepEqual(play([{ partialMs: 0, fullMs: 24 * hour }], 3), [
    "0 full 0",
    "24 full 0",
    "48 full 0",
  ]);
  assert.deepEqual(play([{ partialMs: 6 * hour, fullMs: 0 }], 3), [
    "0 partial 0",
    "6 partial 0",
    "12 partial 0",
  ]);
  assert.equal(isSchedulable({ partialMs: 0, fullMs: 0 }), false);
  assert.equal(nextRun([{ partialMs: 0, fullMs: 0 }], [], start, start), undefined);
});

test("a partial run asks for what has changed since the last run that succeeded, and never for everything", () => {
  const entry = { partialMs: 6 * hour, fullMs: 24 * hour };
  let history: EntryHistory = afterSuccess({}, "full", start);
  history = afterFailure(history, later(6 * hour));
  const retried = nextRun([entry], [history], start, later(6 * hour));
  assert.deepEqual(retried, {
    entry: 0,
    kind: "partial",
    at: later(6 * hour + 60_000),
    since: later(-5 * 60_000),
  });
  const first = nextRun([{ partialMs: 6 * hour, fullMs: 0 }], [], start, start);
  assert.deepEqual(first?.since, later(-6 * hour - 5 * 60_000));
});

test("what failed is tried again after a minute, then less and less often, and as the same kind", () => {
  const runs = play([{ partialMs: 6 * hour, fullMs: 24 * hour }], 9, { fails: (run) => run < 7 });
  assert.deepEqual(runs, [
    "0 full 0",
    "0.02 full 0",
    "0.05 full 0",
    "0.12 full 0",
    "0.25 full 0",
    "0.52 full 0",
    "1.05 full 0",
    "2.05 full 0",
    "8.05 partial 0",
  ]);
});

test("entries keep their own times, and the earlier entry goes first", () => {
  const runs = play(
    [
      { partialMs: 0, fullMs: 24 * hour },
      { partialMs: 12 * hour, fullMs: 48 * hour },
    ],
    6,
  );
  assert.deepEqual(runs, [
    "0 full 0",
    "0 full 1",
    "12 partial 1",
    "24 full 0",
    "24 partial 1",
    "36 partial 1",
  ]);
});
