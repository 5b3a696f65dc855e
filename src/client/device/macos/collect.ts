/**
 * The data that a Mac sends about itself, from the programs of the system that print it. Self-reported; the server compares
 * it with the inventory. What a program does not print, or prints otherwise, is empty.
 */
import { execFile } from "node:child_process";
import type { CollectedData } from "#devicetrust/messages.ts";

/** Runs a program of the system with fixed words; its stdout, or undefined when it failed. */
export type RunProgram = (file: string, words: readonly string[]) => Promise<string | undefined>;

const timeoutMs = 10_000;
const maxOutput = 1024 * 1024;
/** The server accepts no more. */
const maxUsername = 40;
const maxShort = 100;
const maxProfiles = 4096;

/** {@link RunProgram} on this machine: no shell, bounded in time and output. */
export const runProgram: RunProgram = (file, words) =>
  new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: maxOutput, encoding: "utf8" as const };
    execFile(file, [...words], options, (error, stdout) => resolve(error ? undefined : stdout));
  });

/** Gathers everything. */
export async function collectMac(facts: {
  readonly now: Date;
  readonly username: string;
  readonly run?: RunProgram;
}): Promise<CollectedData> {
  const { now, username, run = runProgram } = facts;
  const [expert = "", version = "", build = "", jamf = "", profiles = ""] = await Promise.all([
    run("/usr/sbin/ioreg", ["-rd1", "-c", "IOPlatformExpertDevice"]),
    run("/usr/bin/sw_vers", ["-productVersion"]),
    run("/usr/bin/sw_vers", ["-buildVersion"]),
    run("/usr/local/bin/jamf", ["version"]),
    run("/usr/bin/profiles", ["status", "-type", "enrollment"]),
  ]);
  const { serialNumber, model } = parsePlatformExpert(expert);
  return {
    collectTime: now,
    osType: "macos",
    serialNumber,
    modelIdentifier: model,
    osVersion: parseProductVersion(version),
    osBuild: parseBuild(build),
    osUsername: username.slice(0, maxUsername),
    jamfBinaryVersion: parseJamfVersion(jamf),
    macosEnrollmentProfiles: profiles.trim().slice(0, maxProfiles),
    reportedAssetTag: "",
    systemSerialNumber: serialNumber,
    baseBoardSerialNumber: "",
    osId: "",
    osLoginUser: username.slice(0, maxShort),
  };
}

/** What `ioreg` prints of IOPlatformExpertDevice: a text is quoted, a C string stands between `<"` and `">`. */
export function parsePlatformExpert(text: string): { serialNumber: string; model: string } {
  const [, serialNumber = ""] =
    /^[ |]*"IOPlatformSerialNumber" = "([A-Za-z0-9]{1,64})"$/m.exec(text) ?? [];
  const [, model = ""] = /^[ |]*"model" = <"([\w.,-]{1,64})">$/m.exec(text) ?? [];
  return { serialNumber, model };
}

/** Always three numbers: `sw_vers` leaves out a last zero. */
export function parseProductVersion(text: string): string {
  const [, major, minor = "0", patch = "0"] =
    /^(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?$/.exec(text.trim()) ?? [];
  return major === undefined ? "" : `${major}.${minor}.${patch}`;
}

function parseBuild(text: string): string {
  return /^[0-9A-Za-z]{1,32}$/.exec(text.trim())?.[0] ?? "";
}

/** `version=10.40.0-t1657115402`. */
export function parseJamfVersion(text: string): string {
  return /^version=([\w.-]{1,100})$/.exec(text.trim())?.[1] ?? "";
}
