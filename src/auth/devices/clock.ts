/**
 * The clock of a TPM from one quote to the next (TPM 2.0 Library Part 2 section 10.11): it never goes back without a
 * reset, and resets are counted. A TPM whose state was copied or rolled back shows here, when the original has gone on.
 *
 * Counters and firmware version are shifted by a constant of the key, so only their differences mean something.
 */
import { base64 } from "#base/bytes.ts";
import { refuseCeremony } from "#devicetrust/refusal.ts";
import type { AttestedClock } from "#tpm/attest.ts";
import { refuseCopy } from "./copies.ts";

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

/** Clocks of several auth services may be apart by so much. */
const skewMs = 5000;

/** A TPM that lost its power without notice may lose so much of its clock, in milliseconds (Part 1 section 36.3.1). */
const lostClock = 2n ** 22n;

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
 * which refuses nothing. `challenged` is when the server sent the nonce of the later quote: two logins that overlap may
 * answer in the other order, so only a challenge after the earlier answer says that its quote is the later one.
 */
export function checkClock(
  before: ClockMark | undefined,
  after: ClockMark,
  challenged: Date,
): string | undefined {
  if (before === undefined) return undefined;
  if (before.qualifiedSigner !== after.qualifiedSigner) {
    throw refuseCeremony(
      "authentication",
      "tpm_hierarchy",
      "the key is in another hierarchy of the TPM than before",
    );
  }
  const overlapping = challenged.getTime() < Date.parse(before.seen) + skewMs;
  const sameFirmware = before.firmwareVersion === after.firmwareVersion;
  if (!overlapping) assertGoesOn(before, after, sameFirmware);
  return sameFirmware ? undefined : "the firmware of the TPM has changed";
}

function assertGoesOn(before: ClockMark, after: ClockMark, sameFirmware: boolean): void {
  const resets = (after.resetCount - before.resetCount) | 0;
  if (resets < 0) throw refuseCopy("tpm_rolled_back", "the TPM counts fewer resets than before");
  const lost = BigInt(before.clock) - BigInt(after.clock);
  if (lost <= 0n) return;
  const restarts = (after.restartCount - before.restartCount) | 0;
  if (resets === 0 && restarts === 0) {
    throw refuseCopy("tpm_rolled_back", "the clock of the TPM went back without a reset");
  }
  // New firmware may begin its clock anew.
  if (!sameFirmware || (!after.safe && lost <= lostClock)) return;
  throw refuseCopy(
    "tpm_rolled_back",
    "the clock of the TPM went back further than a reset explains",
  );
}
