/**
 * Replays an event log and compares the result with quoted PCR values. Only the SHA-256 bank counts, which every quote of
 * ours covers: firmware may leave another bank alone, and then whoever runs the machine can extend it as they like.
 */
import { hash } from "node:crypto";
import { concat, sameBytes, utf8 } from "#base/bytes.ts";
import { algorithm } from "./constants.ts";
import { eventType, type LogEvent } from "./event-log.ts";
import type { PcrValue } from "./quote.ts";

/**
 * PCRs that only firmware and boot loader extend: the log must account for them (firmware profile table 1). Those above are
 * extended by systems that keep logs of their own.
 */
const firmwarePcrs = [0, 1, 2, 3, 4, 5, 6, 7];
const localityEvent = utf8("StartupLocality\0");

/**
 * What the firmware measures into PCR 5 when the operating system takes over (firmware profile section 8.2.4). Windows may
 * read the log before these are in it: the log of a machine that is otherwise honest then ends without them.
 */
const exitBootServices = {
  invoked: "Exit Boot Services Invocation",
  succeeded: "Exit Boot Services Returned with Success",
  failed: "Exit Boot Services Returned with Failure",
} as const;
const { invoked, succeeded, failed } = exitBootServices;
const exits = [
  [invoked, succeeded],
  [invoked, failed],
  [invoked, failed, succeeded],
].map((texts) => texts.map((text) => sha256(utf8(text))));

/**
 * The PCRs of 0 to 7 that the log does not lead to, ascending, whether it extends them or not. `pcrs` must come from
 * {@link VerifiedQuotes}.
 */
export function findUnexplainedPcrs(
  events: readonly LogEvent[],
  pcrs: readonly PcrValue[],
): readonly number[] {
  const replayed = replay(events);
  const quoted = new Map(
    pcrs.filter(({ hash }) => hash === algorithm.sha256).map((pcr) => [pcr.index, pcr.digest]),
  );
  return firmwarePcrs.filter((index) => {
    const [value, digest] = [replayed.get(index), quoted.get(index)];
    if (value === undefined || digest === undefined) return true;
    return !(sameBytes(value, digest) || (index === 5 && endsWithExit(value, digest)));
  });
}

/** True when PCRs 0 to 7 are all zero: nothing was measured, although a log may say otherwise. */
export function isUnmeasured(pcrs: readonly PcrValue[]): boolean {
  return firmwarePcrs.every((index) =>
    pcrs.every((pcr) => pcr.index !== index || pcr.digest.every((byte) => byte === 0)),
  );
}

/** Values of the firmware's PCRs after the log; one that an event without a SHA-256 digest extends is left out. */
function replay(events: readonly LogEvent[]): ReadonlyMap<number, Uint8Array> {
  const values = new Map(firmwarePcrs.map((pcr) => [pcr, new Uint8Array(32)]));
  values.get(0)?.set([localityOf(events)], 31);
  for (const { pcr, type, digests } of events) {
    const value = values.get(pcr);
    if (type === eventType.noAction || value === undefined) continue;
    const digest = digests.get(algorithm.sha256);
    if (digest === undefined) values.delete(pcr);
    else values.set(pcr, extend(value, digest));
  }
  return values;
}

function endsWithExit(value: Uint8Array, digest: Uint8Array): boolean {
  return exits.some((events) => sameBytes(events.reduce(extend, value), digest));
}

function extend(value: Uint8Array, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(concat(value, digest));
}

function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

/** PCR 0 starts with the locality that started the TPM (Part 1 section 17). */
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
