/** Assertions about refused evidence. */
import assert from "node:assert/strict";
import { Fault } from "#base/fault.ts";

/** Asserts that `act` throws a fault whose audit reason is `reason`. */
export function assertRefused(reason: string, act: () => unknown): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.audit["reason"], reason);
    return true;
  });
}

/** Asserts that `act` rejects with a fault whose audit reason is `reason`. */
export async function assertRefusedLater(
  reason: string,
  act: () => Promise<unknown>,
): Promise<void> {
  await assert.rejects(act, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.audit["reason"], reason);
    return true;
  });
}
