/**
 * Proves this machine's device anew while connections of a login are open, as often as the cluster asks (its
 * `attestation_policy`). The cluster ends the sessions of a device that stays silent for a whole interval
 * (`src/access/reattestation.ts`), so a proof comes at half of it, and one that fails is tried again soon.
 */
import type { Clock } from "#base/clock.ts";
import type { StartTimer } from "#ssh/timer.ts";

/** What a reattestation works with. */
export interface ReattestationOptions {
  /** The cluster's interval of now, in milliseconds; zero when it asks for nothing. Rejects when it cannot be asked. */
  readonly interval: () => Promise<number>;
  /** Proves the device. Rejects when that fails. */
  readonly prove: () => Promise<void>;
  readonly clock: Clock;
  readonly startTimer: StartTimer;
}

/**
 * The cluster is asked again after this many milliseconds, for an interval may be set any time; it is never less than a
 * minute. A proof that failed is tried again as soon.
 */
const roundMs = 15_000;

/** The proofs of one login. */
export class Reattestation {
  readonly #options: ReattestationOptions;
  #open = 0;
  #cancel: () => void = () => {};
  /** Which rounds go on: those of before belong to connections that are gone. */
  #series = 0;

  constructor(options: ReattestationOptions) {
    this.#options = options;
  }

  /** A connection is open until the returned function is called; calling it again does nothing. */
  hold(): () => void {
    // The device was authenticated for the connection that opens now.
    if (this.#open++ === 0) this.#later(++this.#series, this.#now());
    let held = true;
    return () => {
      if (held && --this.#open === 0) this.close();
      held = false;
    };
  }

  /** Proves nothing any more, until a first connection is opened. */
  close(): void {
    this.#series++;
    this.#cancel();
  }

  async #round(series: number, proved: number): Promise<void> {
    const last = (await this.#isDue(proved)) ? await this.#prove(series, proved) : proved;
    if (series === this.#series) this.#later(series, last);
  }

  #later(series: number, proved: number): void {
    this.#cancel = this.#options.startTimer(roundMs, () => void this.#round(series, proved));
  }

  async #isDue(proved: number): Promise<boolean> {
    try {
      const every = await this.#options.interval();
      return every > 0 && this.#now() - proved >= every / 2;
    } catch {
      // Asked again by the next round; the connection to the cluster may be away for a moment.
      return false;
    }
  }

  /** Gives the time of the last proof. Why one failed is in the audit log, and in `tsh device doctor`. */
  async #prove(series: number, proved: number): Promise<number> {
    if (series !== this.#series) return proved;
    try {
      await this.#options.prove();
      return this.#now();
    } catch {
      return proved;
    }
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
