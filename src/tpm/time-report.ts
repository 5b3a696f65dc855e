/**
 * What the clock of two quotes by one key says about the time between them (TPM 2.0 Library Part 1 section 36).
 * A copied virtual TPM shows itself here: its clock goes back without a restart. Findings are reported, not enforced.
 */
import { sameBytes } from "#base/bytes.ts";
import type { AttestedClock } from "./attest.ts";

/** What does not fit; names are stable, for audit events. */
export type ClockFinding =
  | "signer_changed"
  | "reset_count_went_back"
  | "clock_went_back"
  | "clock_ran_ahead"
  | "restarted_uncleanly";

/** The TPM may run 15 % fast (Part 1 section 36.5); a minute covers the way of the messages. */
const clockTolerance = 1.15;
const slackMs = 60_000;

/**
 * Compares two attestations of the same key. Counters of keys outside the endorsement hierarchy are shifted by a
 * constant of the key, so only their difference modulo 2^32 counts.
 */
export function compareClocks(
  before: AttestedClock,
  after: AttestedClock,
  elapsedMs: number,
): readonly ClockFinding[] {
  if (!sameBytes(before.qualifiedSigner, after.qualifiedSigner)) return ["signer_changed"];
  const resets = signedDifference(after.resetCount, before.resetCount);
  const restarts = signedDifference(after.restartCount, before.restartCount);
  const findings: ClockFinding[] = [];
  if (resets < 0) findings.push("reset_count_went_back");
  const sameBoot = resets === 0 && restarts === 0;
  if (after.clock < before.clock && (sameBoot || after.safe)) findings.push("clock_went_back");
  const ran = Number(after.clock - before.clock);
  if (ran > elapsedMs * clockTolerance + slackMs) findings.push("clock_ran_ahead");
  if (resets > 0 && !after.safe) findings.push("restarted_uncleanly");
  return findings;
}

function signedDifference(a: number, b: number): number {
  return (a - b) | 0;
}
