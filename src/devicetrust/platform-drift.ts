/**
 * What the TPM's evidence says that it did not say the last time: other firmware, another boot loader, another Secure Boot
 * state, a clock that went back. For audit events; firmware updates do this too, so nothing is refused for it.
 */
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { type AttestedClock, decodeAttest } from "#tpm/attest.ts";
import { algorithm, findHashOfApi } from "#tpm/constants.ts";
import { type AttestBytes, claimForm } from "#tpm/forms.ts";
import { type ClockFinding, compareClocks } from "#tpm/time-report.ts";
import type { CollectedData, PlatformParameters } from "./messages.ts";
import type { PlatformReport } from "./platform.ts";

/** The differences. */
export interface PlatformDrift {
  readonly clock: readonly ClockFinding[];
  /** Those of PCR 0 (firmware), 2 (extensions), 4 (boot loader) and 7 (Secure Boot) whose value changed. */
  readonly changedPcrs: readonly number[];
}

const watchedPcrs = [0, 2, 4, 7];
const none: PlatformDrift = { clock: [], changedPcrs: [] };

/** Compares with the evidence in the last record, if there is any. */
export function findPlatformDrift(
  before: CollectedData | undefined,
  after: PlatformReport | undefined,
  now: Date,
): PlatformDrift {
  const last = before?.tpmPlatformAttestation?.platformParameters;
  if (last === undefined || after === undefined) return none;
  const clock = lastClock(last);
  const elapsedMs = now.getTime() - (before?.recordTime?.getTime() ?? 0);
  return {
    clock: clock === undefined ? [] : compareClocks(clock, after.clock, elapsedMs),
    changedPcrs: watchedPcrs.filter((index) => hasChanged(index, last, after)),
  };
}

/** An administrator may have written the record by hand: what does not decode is not compared. */
function lastClock({ quotes: [first] }: PlatformParameters): AttestedClock | undefined {
  if (first === undefined) return undefined;
  try {
    return decodeAttest(claimForm<AttestBytes>(first.quote), "quote");
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

function hasChanged(index: number, before: PlatformParameters, after: PlatformReport): boolean {
  const was = before.pcrs.find(
    (pcr) => pcr.index === index && findHashOfApi(pcr.digestAlg)?.id === algorithm.sha256,
  );
  const is = after.pcrs.find((pcr) => pcr.index === index && pcr.hash === algorithm.sha256);
  return was !== undefined && is !== undefined && !sameBytes(was.digest, is.digest);
}
