/** Time as an argument: pure code receives a {@link Clock} and never asks the machine. */

/** Tells the time. */
export interface Clock {
  now(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };

/** A clock for tests that stands still until told to move. */
export class ManualClock implements Clock {
  #at: number;

  constructor(at: Date) {
    this.#at = at.getTime();
  }

  now(): Date {
    return new Date(this.#at);
  }

  /** Moves the clock forward, or back when negative. */
  advance(ms: number): void {
    this.#at += ms;
  }
}
