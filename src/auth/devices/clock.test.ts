import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRefused } from "../../../test/support/refusals.ts";
import { type ClockMark, checkClock, markClock } from "./clock.ts";

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

/** The later quote answers a challenge that was sent ten seconds after the earlier one, unless told otherwise. */
function check(before: ClockMark | undefined, after: ClockMark, challengedAfterMs = 10_000) {
  return checkClock(before, after, new Date(now.getTime() + challengedAfterMs));
}

test("a clock that goes on, a reboot and a first sight are accepted", () => {
  assert.equal(check(undefined, mark()), undefined);
  assert.equal(check(mark(), mark({ clock: 5_000_001n })), undefined);
  assert.equal(check(mark(), mark({ clock: 5_000_001n, resetCount: 8 })), undefined);
  assert.equal(check(mark(), mark({ clock: 5_000_001n, restartCount: 3 })), undefined);
});

test("a TPM that lost its power may have lost 70 minutes of its clock, and says that it is not sure", () => {
  const lost = { resetCount: 8, restartCount: 0, safe: false };
  assert.equal(check(mark(), mark({ clock: 900_000n, ...lost })), undefined);
  assertRefused("tpm_rolled_back", () => check(mark(), mark({ clock: 800_000n, ...lost })));
  assertRefused("tpm_rolled_back", () =>
    check(mark(), mark({ clock: 4_999_999n, ...lost, safe: true })),
  );
  const updated = mark({ clock: 0n, ...lost, safe: true, firmwareVersion: 2n });
  assert.match(check(mark(), updated) ?? "", /firmware/);
});

test("answers of logins that overlap may come in the other order", () => {
  const earlier = mark({ clock: 4_999_999n });
  assert.equal(check(mark(), earlier, -1), undefined);
  assert.equal(check(mark(), earlier, 4_999), undefined);
  assertRefused("tpm_rolled_back", () => check(mark(), earlier, 5_000));
});

test("a state that was rolled back or copied is refused", () => {
  assertRefused("tpm_rolled_back", () => check(mark(), mark({ clock: 814n })));
  assertRefused("tpm_rolled_back", () => check(mark(), mark({ resetCount: 6 })));
});

test("counters wrap around at 32 bits, because they are shifted by a constant of the key", () => {
  const before = mark({ resetCount: 0xffff_ffff });
  assert.equal(check(before, mark({ clock: 5_000_001n, resetCount: 0 })), undefined);
  assertRefused("tpm_rolled_back", () => check(mark({ resetCount: 0 }), before));
});

test("a key that moved to another hierarchy is refused; other firmware is only reported", () => {
  const moved = mark({ qualifiedSigner: new Uint8Array([0, 11, 2]) });
  assertRefused("tpm_hierarchy", () => check(mark(), moved));
  assert.match(check(mark(), mark({ firmwareVersion: 2n })) ?? "", /firmware/);
});
