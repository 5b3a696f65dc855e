/** The data that a Windows client sends about its machine. Self-reported; the server compares it with the inventory. */
import type { CollectedData } from "#devicetrust/messages.ts";
import { type DmiValues, selectSerialNumber } from "../dmi.ts";

/** What the system says, before it is cut to what a server takes. */
export interface WindowsFacts {
  readonly now: Date;
  /** Of the person, without domain. */
  readonly username: string;
  /** Of the account; empty when unknown. */
  readonly domain: string;
  /** As `os.release()` has it: 10.0.22631. */
  readonly release: string;
  readonly firmware: DmiValues;
}

/** The server accepts no more. */
const maxUsername = 40;
const maxShort = 100;

/** Puts the message together. Version and build are those of Win32_OperatingSystem. */
export function describeWindows(facts: WindowsFacts): CollectedData {
  const { now, username, domain, release, firmware } = facts;
  const account = domain === "" ? username : `${domain}\\${username}`;
  return {
    collectTime: now,
    osType: "windows",
    serialNumber: selectSerialNumber(firmware),
    modelIdentifier: firmware.productName,
    osVersion: release,
    osBuild: /^\d+\.\d+\.(\d+)$/.exec(release)?.[1] ?? "",
    osUsername: account.slice(0, maxUsername),
    jamfBinaryVersion: "",
    macosEnrollmentProfiles: "",
    reportedAssetTag: firmware.chassisAssetTag,
    systemSerialNumber: firmware.productSerial,
    baseBoardSerialNumber: firmware.boardSerial,
    osId: "",
    osLoginUser: account.slice(0, maxShort),
  };
}
