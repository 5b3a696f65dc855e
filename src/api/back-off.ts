/** Waiting between attempts to reach a peer: doubling, with jitter so that a fleet does not return all at once. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "#base/random.ts";

const bounds = { firstMs: 200, mostMs: 10_000 };

/** The waits of one peer: 0.2 s at first, doubled up to 10 s, each between a half and the whole of it. */
export class BackOff {
  readonly #random: Random;
  #nextMs = bounds.firstMs;

  constructor(random: Random) {
    this.#random = random;
  }

  /** To be called after a success. */
  reset(): void {
    this.#nextMs = bounds.firstMs;
  }

  /** The next wait in milliseconds. */
  next(): number {
    const most = this.#nextMs;
    this.#nextMs = Math.min(most * 2, bounds.mostMs);
    const [byte = 0] = this.#random(1);
    return Math.round(most / 2 + (most / 2) * (byte / 255));
  }

  /** Waits; returns early when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    await delay(this.next(), undefined, { signal, ref: false }).catch(() => {});
  }
}
