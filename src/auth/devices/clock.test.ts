import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRefused } from "../../../test/support/refusals.ts";
import { checkClock, markClock } from "./clock.ts";

const now = new Date("2026-11-21T10:00:00Z");

function mark(changes: Partial<Parameters<typeof markClock>[0]> = {}) {
  return markClock(
    {
      qualifiedSigner: new Uint8Array([0, 11, 1]),
      clock: 5_000_000n,
      resetCount: 7,
      restartCount: 2,
      safe: true,
      firmwareVersion: 1n,
      ...changes,
    },
    now,
  );
}

test("a clock that goes on, a reboot and a first sight are accepted", () => {
  assert.equal(checkClock(undefined, mark()), undefined);
  assert.equal(checkClock(mark(), mark({ clock: 5_000_001n })), undefined);
  assert.equal(checkClock(mark(), mark({ clock: 0n, resetCount: 8, restartCount: 0 })), undefined);
  assert.equal(checkClock(mark(), mark({ clock: 0n, restartCount: 3 })), undefined);
});

test("answers that overtake each other within two minutes are accepted", () => {
  assert.equal(checkClock(mark(), mark({ clock: 5_000_000n - 120_000n })), undefined);
  assertRefused("tpm_rolled_back", () => checkClock(mark(), mark({ clock: 4_879_999n })));
});

test("a state that was rolled back or copied is refused", () => {
  assertRefused("tpm_rolled_back", () => checkClock(mark(), mark({ clock: 814n })));
  assertRefused("tpm_rolled_back", () => checkClock(mark(), mark({ resetCount: 6 })));
});

test("counters wrap around at 32 bits, because they are shifted by a constant of the key", () => {
  const before = mark({ resetCount: 0xffff_ffff });
  assert.equal(checkClock(before, mark({ clock: 1n, resetCount: 0 })), undefined);
  assertRefused("tpm_rolled_back", () => checkClock(mark({ resetCount: 0 }), before));
});

test("a key that moved to another hierarchy is refused; other firmware is only reported", () => {
  const moved = mark({ qualifiedSigner: new Uint8Array([0, 11, 2]) });
  assertRefused("tpm_hierarchy", () => checkClock(mark(), moved));
  assert.match(checkClock(mark(), mark({ firmwareVersion: 2n })) ?? "", /firmware/);
});
