/**
 * How much each address may get wrong. Every wrong login and every wrong join token costs the cluster a hash or a line
 * in the audit log on disk, so one address gets a budget of them; what succeeds costs nothing. In memory only: a restart
 * forgives. It comes on top of the lockout by user name (`users/attempts.ts`), which many addresses cannot get around.
 */
import { isIPv6 } from "node:net";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";

/** Failures that an address may cause at once, and how fast it may cause more. */
export const failureBudget = { burst: 100, refillMs: 6000 } as const;

/** Addresses that are remembered; the longest known are forgotten first. */
const mostAddresses = 10_000;

interface Account {
  readonly spent: number;
  readonly at: number;
}

/** The budgets of all addresses. */
export class FailureBudget {
  readonly #clock: Clock;
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs an attempt that a stranger makes from the address: it is paid in advance, so that attempts at the same time
   * count too, and paid back when it succeeds. Throws `limit` when nothing is left; then nothing was run.
   */
  async run<T>(address: string, attempt: () => Promise<T>): Promise<T> {
    const key = networkOf(address);
    const spent = this.#spent(key);
    if (spent + 1 > failureBudget.burst) {
      throw new Fault("limit", "too many failed attempts from this address", {
        hint: "wait a few minutes and try again",
      });
    }
    this.#set(key, spent + 1);
    const result = await attempt();
    this.#set(key, this.#spent(key) - 1);
    return result;
  }

  #spent(key: string): number {
    const account = this.#accounts.get(key);
    if (!account) return 0;
    const refilled = (this.#clock.now().getTime() - account.at) / failureBudget.refillMs;
    return Math.max(0, account.spent - Math.max(0, refilled));
  }

  #set(key: string, spent: number): void {
    this.#accounts.delete(key);
    if (spent <= 0) return;
    this.#accounts.set(key, { spent, at: this.#clock.now().getTime() });
    if (this.#accounts.size <= mostAddresses) return;
    const [oldest] = this.#accounts.keys();
    if (oldest !== undefined) this.#accounts.delete(oldest);
  }
}

/** One customer has a whole /64 of IPv6 (RFC 6177): its addresses share a budget. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length + (tail.includes(".") ? 1 : 0);
    while (groups.length + after < 8) groups.push("0");
    if (groups.length < 4) groups.push(...tail.split(":"));
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
