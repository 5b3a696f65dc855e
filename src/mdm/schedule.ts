/**
 * What runs next, and when. The first run of an entry is full, then come partial ones; where a full run is due it replaces
 * a partial one. Pure: the service asks again after each run, with what has happened. A service that starts anew has seen
 * nothing and begins with a full run.
 */
import type { InventoryEntry } from "./settings.ts";

/** The periods of an entry. */
export type Periods = Pick<InventoryEntry, "partialMs" | "fullMs">;

/** What has happened to an entry since the service started. */
export interface EntryHistory {
  /** When the last full run that succeeded began. */
  readonly lastFull?: Date;
  /** When the last run of any kind that succeeded began: the next partial one asks for what has changed since. */
  readonly lastCut?: Date;
  /** Runs that failed since one succeeded, and when the last of them ended. */
  readonly failures?: number;
  readonly lastFailure?: Date;
}

/** A run that is to come. */
export interface PlannedRun {
  /** Index of the entry. */
  readonly entry: number;
  readonly kind: "full" | "partial";
  /** Not before this moment; it may have passed. */
  readonly at: Date;
  /** Partial runs ask for what has changed since. */
  readonly since?: Date;
}

/** After a failure the entry waits a minute, then twice as long each time, an hour at most. */
const failureWait = { firstMs: 60_000, mostMs: 3_600_000 } as const;

/**
 * A partial run asks for a little more than what has changed since the last one: the clock of the MDM is not ours, and a
 * report that was on its way then carries its own time.
 */
const overlapMs = 5 * 60_000;

/** True when an entry has any run at all. */
export function isSchedulable({ partialMs, fullMs }: Periods): boolean {
  return partialMs > 0 || fullMs > 0;
}

/** The history after a run that began at `began` and succeeded. */
export function afterSuccess(
  history: EntryHistory,
  kind: PlannedRun["kind"],
  began: Date,
): EntryHistory {
  const lastFull = kind === "full" ? began : history.lastFull;
  return { lastCut: began, ...(lastFull ? { lastFull } : {}) };
}

/** The history after a run that failed at `now`. */
export function afterFailure(history: EntryHistory, now: Date): EntryHistory {
  return { ...history, failures: (history.failures ?? 0) + 1, lastFailure: now };
}

/**
 * The run that comes next, of all entries: the earliest, of two at one time that of the earlier entry. `started` is when
 * the service was ready for its first run. Undefined when no entry has a schedule.
 */
export function nextRun(
  entries: readonly Periods[],
  histories: readonly EntryHistory[],
  started: Date,
  now: Date,
): PlannedRun | undefined {
  let first: PlannedRun | undefined;
  for (const [index, entry] of entries.entries()) {
    const run = nextOfEntry(index, entry, histories[index] ?? {}, started, now);
    if (run && (first === undefined || run.at < first.at)) first = run;
  }
  return first;
}

function nextOfEntry(
  index: number,
  { partialMs, fullMs }: Periods,
  history: EntryHistory,
  started: Date,
  now: Date,
): PlannedRun | undefined {
  const { lastFull, lastCut } = history;
  const fullDue = fullMs > 0 ? (lastFull ? lastFull.getTime() + fullMs : started.getTime()) : never;
  const partialDue =
    partialMs > 0 ? (lastCut ? lastCut.getTime() + partialMs : started.getTime()) : never;
  const due = Math.max(Math.min(fullDue, partialDue), retryTime(history));
  if (due === never) return undefined;
  const at = new Date(due);
  if (fullDue <= Math.max(due, now.getTime())) return { entry: index, kind: "full", at };
  // Without full runs, the first partial one asks for what has changed within one period.
  const from = lastCut ? lastCut.getTime() : started.getTime() - partialMs;
  return { entry: index, kind: "partial", at, since: new Date(from - overlapMs) };
}

const never = Number.POSITIVE_INFINITY;

/** Before this moment nothing of the entry runs, because it has just failed. */
function retryTime({ failures = 0, lastFailure }: EntryHistory): number {
  if (lastFailure === undefined || failures === 0) return Number.NEGATIVE_INFINITY;
  const wait = Math.min(failureWait.firstMs * 2 ** (failures - 1), failureWait.mostMs);
  return lastFailure.getTime() + wait;
}
