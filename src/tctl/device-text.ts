/** How devices are written for people. */

import { formatDuration } from "#base/duration.ts";
import type { Console } from "#cli/console.ts";
import type { Device, OsType } from "#resource/device.ts";
import type { EnrollToken } from "./auth-client.ts";

/** Operating systems by their trade names, in the order of the public API's numbers. */
export const osNames: Readonly<Record<OsType, string>> = {
  linux: "Linux",
  macos: "macOS",
  windows: "Windows",
  ios: "iOS",
  ipados: "iPadOS",
};

/** "Jamf" and "Intune" when the inventory service goes by its usual name, else the name that it was given. */
export function formatSource(source: Device["spec"]["source"]): string {
  if (source === undefined) return "";
  const name = source.name ?? "";
  if (source.origin === "jamf" && (name === "" || name === "jamf")) return "Jamf";
  if (source.origin === "intune" && (name === "" || name === "intune")) return "Intune";
  return name;
}

/** The token and what to do with it. */
export function printEnrollToken(
  console: Console,
  { token, expires }: EnrollToken,
  assetTag: string,
  now: Date,
): void {
  console.print(`The enrollment token: ${token}`);
  if (expires !== undefined) {
    const left = Math.max(0, Math.floor((expires.getTime() - now.getTime()) / 1000) * 1000);
    console.print(`This token will expire in ${formatDuration(left)}.`);
  }
  console.print();
  console.print(`Run the command below on device "${assetTag}" to enroll it:`);
  console.print(`tsh device enroll --token=${token}`);
}
