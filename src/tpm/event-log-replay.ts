/**
 * Replays an event log and compares the result with quoted PCR values. A PCR is explained when in at least one bank
 * the log leads to exactly the quoted value.
 */
import { createHash } from "node:crypto";
import { concat, sameBytes, utf8 } from "#base/bytes.ts";
import { findHash, type HashAlgorithm } from "./constants.ts";
import { eventType, type LogEvent } from "./event-log.ts";
import type { PcrValue } from "./quote.ts";

/** PCRs that only firmware and boot loader extend: the log must account for them (firmware profile table 1). */
const firmwarePcrs = [0, 1, 2, 3, 4, 5, 6, 7];
const localityEvent = utf8("StartupLocality\0");

/**
 * The PCRs that the log does not explain, ascending: those it extends to another value, and those of 0 to 7 that
 * were extended without any event. `pcrs` must come from {@link VerifiedQuotes}.
 */
export function findUnexplainedPcrs(
  events: readonly LogEvent[],
  pcrs: readonly PcrValue[],
): readonly number[] {
  const logged = events.filter((event) => event.type !== eventType.noAction).map(({ pcr }) => pcr);
  const unexplained = new Set([...logged, ...firmwarePcrs]);
  for (const hash of new Set(pcrs.map((pcr) => pcr.hash))) {
    const bank = findHash(hash);
    if (bank === undefined) continue;
    const replayed = replayBank(events, bank);
    for (const { index, digest } of pcrs.filter((pcr) => pcr.hash === hash)) {
      const value = replayed.get(index) ?? initialValue(index, bank, localityOf(events));
      if (value !== "unknown" && sameBytes(value, digest)) unexplained.delete(index);
    }
  }
  return [...unexplained].sort((a, b) => a - b);
}

/** True when PCRs 0 to 7 of a bank are all zero: nothing was measured, although a log may say otherwise. */
export function isUnmeasured(pcrs: readonly PcrValue[]): boolean {
  return firmwarePcrs.every((index) =>
    pcrs.every((pcr) => pcr.index !== index || pcr.digest.every((byte) => byte === 0)),
  );
}

/** Values of one bank after the log; "unknown" where an event lacks a digest of this bank. */
function replayBank(
  events: readonly LogEvent[],
  bank: HashAlgorithm,
): ReadonlyMap<number, Uint8Array | "unknown"> {
  const locality = localityOf(events);
  const values = new Map<number, Uint8Array | "unknown">();
  for (const { pcr, type, digests } of events) {
    if (type === eventType.noAction) continue;
    const value = values.get(pcr) ?? initialValue(pcr, bank, locality);
    const digest = digests.get(bank.id);
    if (value === "unknown" || digest === undefined) values.set(pcr, "unknown");
    else values.set(pcr, createHash(bank.name).update(concat(value, digest)).digest());
  }
  return values;
}

/** PCRs 17 to 22 start at all ones; PCR 0 starts with the locality that started the TPM (Part 1 section 17). */
function initialValue(pcr: number, bank: HashAlgorithm, locality: number): Uint8Array {
  const value = new Uint8Array(bank.size).fill(pcr >= 17 && pcr <= 22 ? 0xff : 0);
  if (pcr === 0) value[bank.size - 1] = locality;
  return value;
}

function localityOf(events: readonly LogEvent[]): number {
  const event = events.find(
    ({ pcr, type, data }) =>
      pcr === 0 &&
      type === eventType.noAction &&
      data.length === 17 &&
      sameBytes(data.subarray(0, 16), localityEvent),
  );
  return event?.data[16] ?? 0;
}
