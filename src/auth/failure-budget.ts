/**
 * How much each address may get wrong. Every wrong login and every wrong join token costs the cluster a hash or a line
 * in the audit log on disk, so one address gets a budget of them; what succeeds costs nothing. In memory only: a restart
 * forgives. It comes on top of the lockout by user name (`users/attempts.ts`), which many addresses cannot get around.
 */
import { isIPv6 } from "node:net";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { Budget } from "./budget.ts";

/** Failures that an address may cause at once, and how fast it may cause more. */
export const failureBudget = { burst: 100, refillMs: 6000 } as const;

/** The budgets of all addresses. */
export class FailureBudget {
  readonly #budget: Budget;

  constructor(clock: Clock) {
    this.#budget = new Budget(clock, failureBudget);
  }

  /**
   * Runs an attempt that a stranger makes from the address: it is paid in advance, so that attempts at the same time
   * count too, and paid back when it succeeds. Throws `limit` when nothing is left; then nothing was run.
   */
  async run<T>(address: string, attempt: () => Promise<T>): Promise<T> {
    const key = networkOf(address);
    if (!this.#budget.take(key)) {
      throw new Fault("limit", "too many failed attempts from this address", {
        hint: "wait a few minutes and try again",
      });
    }
    const result = await attempt();
    this.#budget.giveBack(key);
    return result;
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
