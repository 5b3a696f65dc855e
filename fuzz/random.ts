/**
 * Pseudo-random numbers for fuzzing: the same seed gives the same run. SplitMix64 (Steele, Lea and Flood 2014).
 * Not for secrets.
 */
import type { Random } from "#base/random.ts";

const mask = 0xffff_ffff_ffff_ffffn;

/** A stream of numbers from a seed. */
export class SeededNumbers {
  #state: bigint;

  constructor(seed: bigint) {
    this.#state = seed & mask;
  }

  /** An integer from 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9_7f4a_7c15n) & mask;
    let z = this.#state;
    z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & mask;
    return Number((z ^ (z >> 31n)) >> 32n);
  }

  /** An integer from 0 to `limit` - 1; 0 when there is none. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit;
  }

  /** One of the items; throws a RangeError for an empty list. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  /** Bytes in the form that the product's code takes its randomness in. */
  readonly bytes: Random = (length) => Uint8Array.from({ length }, () => this.next() & 0xff);
}
