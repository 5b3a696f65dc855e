/** The data that a Linux client sends about its machine. Self-reported; the server compares it with the inventory. */
import { readFile } from "node:fs/promises";
import type { CollectedData } from "#devicetrust/messages.ts";
import { type DmiReading, type DmiValues, readDmi, selectSerialNumber } from "../dmi.ts";

/** Where to look, and what to do where the person's rights do not suffice. */
export interface CollectOptions {
  readonly now: Date;
  /** Login name of the person. */
  readonly username: string;
  /** See {@link defaultDmiDir}. */
  readonly dmiDir: string;
  /** Tried in order. */
  readonly osReleaseFiles?: readonly string[];
  /** Reads the values with the person's own rights; {@link readDmi} unless the caller says otherwise. */
  readonly readUnprotectedDmi?: (dir: string) => Promise<DmiReading>;
  /** Reads the serial numbers with more rights, or from what an earlier run kept. Undefined: do without. */
  readonly readProtectedDmi?: () => Promise<DmiValues | undefined>;
}

/** The places that the format's manual page names (os-release(5)). */
const osReleaseFiles = ["/etc/os-release", "/usr/lib/os-release"];
/** The server accepts no more. */
const maxUsername = 40;
const maxShort = 100;

/** Gathers everything; what cannot be read is empty. */
export async function collectDeviceData(options: CollectOptions): Promise<CollectedData> {
  const dmi = await readAllDmi(options);
  const os = await readOsRelease(options.osReleaseFiles ?? osReleaseFiles);
  return {
    collectTime: options.now,
    osType: "linux",
    serialNumber: selectSerialNumber(dmi),
    modelIdentifier: dmi.productName,
    osVersion: os.get("VERSION_ID") ?? "",
    osBuild: os.get("VERSION") ?? "",
    osUsername: options.username.slice(0, maxUsername),
    jamfBinaryVersion: "",
    macosEnrollmentProfiles: "",
    reportedAssetTag: dmi.chassisAssetTag,
    systemSerialNumber: dmi.productSerial,
    baseBoardSerialNumber: dmi.boardSerial,
    osId: os.get("ID") ?? "",
    osLoginUser: options.username.slice(0, maxShort),
  };
}

async function readAllDmi(options: CollectOptions): Promise<DmiValues> {
  const { dmiDir, readUnprotectedDmi = readDmi, readProtectedDmi } = options;
  const { values, denied } = await readUnprotectedDmi(dmiDir);
  return (denied ? await readProtectedDmi?.() : undefined) ?? values;
}

async function readOsRelease(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) return parseOsRelease(text);
  }
  return new Map();
}

/** Parses `KEY=value` lines with shell quoting (os-release(5)); anything else is passed over. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, raw = ""] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    if (key !== undefined) values.set(key, unquote(raw));
  }
  return values;
}

function unquote(raw: string): string {
  const [, quote, inner = raw] = /^(["'])(.*)\1$/.exec(raw) ?? [];
  return quote === "'" ? inner : inner.replace(/\\([\\"'`$])/g, "$1");
}
