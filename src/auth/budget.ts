/**
 * Budgets: how much may be had at once, and how fast there is more. One account per key, in memory only: a restart fills
 * them all.
 */
import type { Clock } from "#base/clock.ts";

/** What an account holds when it is full, and how long one more takes. */
export interface BudgetSize {
  readonly burst: number;
  readonly refillMs: number;
}

/** Keys that are remembered; the longest known are forgotten first. */
const mostKeys = 10_000;

interface Account {
  readonly spent: number;
  readonly at: number;
}

/** The accounts of all keys. */
export class Budget {
  readonly #clock: Clock;
  readonly #size: BudgetSize;
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Clock, size: BudgetSize) {
    this.#clock = clock;
    this.#size = size;
  }

  /** Takes one from the account; false when nothing is left. */
  take(key: string): boolean {
    const spent = this.#spent(key);
    if (spent + 1 > this.#size.burst) return false;
    this.#set(key, spent + 1);
    return true;
  }

  /** Puts one back that was taken. */
  giveBack(key: string): void {
    this.#set(key, this.#spent(key) - 1);
  }

  #spent(key: string): number {
    const account = this.#accounts.get(key);
    if (!account) return 0;
    const refilled = (this.#clock.now().getTime() - account.at) / this.#size.refillMs;
    return Math.max(0, account.spent - Math.max(0, refilled));
  }

  #set(key: string, spent: number): void {
    this.#accounts.delete(key);
    if (spent <= 0) return;
    this.#accounts.set(key, { spent, at: this.#clock.now().getTime() });
    if (this.#accounts.size <= mostKeys) return;
    const [oldest] = this.#accounts.keys();
    if (oldest !== undefined) this.#accounts.delete(oldest);
  }
}
