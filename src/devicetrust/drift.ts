/**
 * What changed on a device since the server last looked. The hardware must be the same; software may move.
 */
import { compareVersionNumbers, parseVersionNumber } from "#base/version-number.ts";
import type { CollectedData } from "./messages.ts";

/** One difference. `refuses` tells whether authentication must fail for it. */
export interface Drift {
  readonly field: "osType" | "serialNumber" | "modelIdentifier" | "osVersion";
  readonly before: string;
  readonly after: string;
  readonly refuses: boolean;
}

/** Compares with the last record. A value that either side lacks is not compared. An older OS is reported only. */
export function findDrift(before: CollectedData, after: CollectedData): readonly Drift[] {
  const hardware = (["osType", "serialNumber", "modelIdentifier"] as const).flatMap((field) => {
    const [was, is] = [before[field] ?? "", after[field] ?? ""];
    return was === "" || is === "" || was === is
      ? []
      : [{ field, before: was, after: is, refuses: true }];
  });
  if (!isOlder(after.osVersion, before.osVersion)) return hardware;
  const [was, is] = [before.osVersion, after.osVersion];
  return [...hardware, { field: "osVersion", before: was, after: is, refuses: false }];
}

/** True when both are version numbers and `a` is the earlier one. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [parseVersionNumber(a), parseVersionNumber(b)];
  return left !== undefined && right !== undefined && compareVersionNumbers(left, right) < 0;
}
