/** The epoch of a device (`#devicetrust/epoch.ts`) in its record: asked for with a challenge, judged with the answer. */
import { base64 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { judgeEpoch, newSeries, type ShownEpoch } from "#devicetrust/epoch.ts";
import { refuseCopy } from "./copies.ts";
import type { DeviceRecord } from "./device-state.ts";

/** What a device was asked for, and what it showed. */
export interface EpochAnswer {
  readonly asked: Uint8Array;
  readonly shown: ShownEpoch | undefined;
  readonly random: Random;
}

/** The series to ask a device about: its own, or one that would begin now. */
export function askForEpoch({ epoch }: DeviceRecord, random: Random): Uint8Array {
  return epoch ? new Uint8Array(Buffer.from(epoch.series, "base64")) : newSeries(random);
}

/** The epoch to remember after an authentication. Refuses a device that shows none or one that is over. */
export function checkEpoch(
  { epoch }: DeviceRecord,
  { asked, shown, random }: EpochAnswer,
): { readonly record: Pick<DeviceRecord, "epoch">; readonly warning?: string } {
  // The device was enrolled anew while it answered: what it shows belongs to its former enrollment.
  const stale = epoch !== undefined && shown !== undefined && epoch.series !== base64(asked);
  const verdict = stale
    ? ({ kind: "missing" } as const)
    : judgeEpoch(epoch, shown, { asked, random });
  switch (verdict.kind) {
    case "none":
      return { record: {} };
    case "goes-on": {
      const { mark, warning } = verdict;
      return { record: { epoch: mark }, ...(warning === undefined ? {} : { warning }) };
    }
    case "missing":
      throw new Fault("access-denied", "this machine has lost what it must show beside its key", {
        hint: "the file device-epochs.json is gone or of another enrollment. Enroll this device again: tsh device enroll --current-device, or with a token of an administrator: tsh device enroll --token=TOKEN",
        audit: {
          reason: "epoch_missing",
          why: "the device shows no epoch, and has shown one before",
        },
      });
    case "copied":
      throw refuseCopy(
        "epoch_over",
        "the epoch that the device shows was replaced by a copy of it",
      );
  }
}
