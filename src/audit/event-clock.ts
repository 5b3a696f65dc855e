/**
 * A clock that gives every event of one writer a moment of its own, at most a tenth of a second ahead of the real time:
 * the log is ordered by time, and times have milliseconds, in which a fast command can begin and end.
 */
import type { Clock } from "#base/clock.ts";

/** How far the clock may run ahead under a flood of events; beyond that, events share a millisecond. */
const mostAheadMs = 100;

/** Strictly increasing times, unless there are more than one per millisecond for long. */
export class EventClock implements Clock {
  readonly #clock: Clock;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time for the next event. A clock that was set back is followed. */
  now(): Date {
    const now = this.#clock.now().getTime();
    const ahead = this.#last - now;
    this.#last = ahead >= 0 && ahead < mostAheadMs ? this.#last + 1 : now;
    return new Date(this.#last);
  }
}
