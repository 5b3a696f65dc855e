/**
 * The clock of a TPM from one quote to the next (TPM 2.0 Library Part 2 section 10.11): it never goes back without a
 * reset, and resets are counted. A TPM whose state was copied or rolled back shows here, when the original has gone on.
 *
 * Counters and firmware version are shifted by a constant of the key, so only their differences mean something.
 */
import { base64 } from "#base/bytes.ts";
import { refuseCeremony } from "#devicetrust/refusal.ts";
import type { AttestedClock } from "#tpm/attest.ts";

/** The clock at one quote. 64-bit numbers as decimal text. */
export interface ClockMark {
  readonly qualifiedSigner: string;
  readonly clock: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly safe: boolean;
  readonly firmwareVersion: string;
  /** When the server saw it. */
  readonly seen: string;
}

/** Answers of two logins at the same time may arrive in the other order. */
const toleratedMs = 2n * 60_000n;

/** What to remember of a quote. */
export function markClock(attested: AttestedClock, now: Date): ClockMark {
  return {
    qualifiedSigner: base64(attested.qualifiedSigner),
    clock: String(attested.clock),
    resetCount: attested.resetCount,
    restartCount: attested.restartCount,
    safe: attested.safe,
    firmwareVersion: String(attested.firmwareVersion),
    seen: now.toISOString(),
  };
}

/**
 * Refuses a clock that cannot be the continuation of the earlier one. Gives a sentence when the firmware has changed,
 * which refuses nothing.
 */
export function checkClock(before: ClockMark | undefined, after: ClockMark): string | undefined {
  if (before === undefined) return undefined;
  if (before.qualifiedSigner !== after.qualifiedSigner) {
    throw refuse("tpm_hierarchy", "the key is in another hierarchy of the TPM than before");
  }
  const resets = (after.resetCount - before.resetCount) | 0;
  if (resets < 0) throw refuse("tpm_rolled_back", "the TPM counts fewer resets than before");
  const restarts = (after.restartCount - before.restartCount) | 0;
  if (resets === 0 && restarts === 0) {
    if (BigInt(after.clock) + toleratedMs < BigInt(before.clock)) {
      throw refuse("tpm_rolled_back", "the clock of the TPM went back without a reset");
    }
  }
  return before.firmwareVersion === after.firmwareVersion
    ? undefined
    : "the firmware of the TPM has changed";
}

function refuse(reason: string, why: string) {
  return refuseCeremony("authentication", reason, why);
}
