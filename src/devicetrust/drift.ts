/**
 * What changed on a device since the server last looked. The hardware must be the same; software may move.
 */
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

/** True when both are dotted numbers and `a` is lower than `b`. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  if (left === undefined || right === undefined) return false;
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function numbersOf(version: string): number[] | undefined {
  return /^\d{1,9}(\.\d{1,9})*$/.test(version) ? version.split(".").map(Number) : undefined;
}
