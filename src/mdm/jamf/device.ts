/** A row of Jamf Pro's computers-inventory (public API, version 1) as a device of the inventory. */
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  fieldsOf,
  present,
  readId,
  readSerial,
  readText,
  readTime,
  readUser,
  readUsernames,
} from "../fields.ts";
import type { MdmProfile, MdmRow } from "../source.ts";

/** The sections of a row that are read here; Jamf sends no others. */
export const sections = [
  "GENERAL",
  "HARDWARE",
  "OPERATING_SYSTEM",
  "LOCAL_USER_ACCOUNTS",
  "USER_AND_LOCATION",
] as const;

/** Reads a row. Computers of Jamf Pro are Macs. */
export function readComputer(value: unknown): MdmRow {
  const row = fieldsOf(value);
  const externalId = readId(row["id"]);
  if (externalId === undefined) return { skipped: "unreadable" };
  const hardware = fieldsOf(row["hardware"]);
  const serial = readSerial(hardware["serialNumber"]);
  if (serial === undefined) return { skipped: "no serial number" };
  const general = fieldsOf(row["general"]);
  const system = fieldsOf(row["operatingSystem"]);
  const person = fieldsOf(row["userAndLocation"]);
  const usernames = readUsernames(row["localUserAccounts"]);
  return {
    osType: OSType.OS_TYPE_MACOS,
    serial,
    externalId,
    reportedAt: readTime(general["reportDate"]),
    assignedUser: readUser(person["username"], person["email"]),
    profile: present<MdmProfile>({
      modelIdentifier: readText(hardware["modelIdentifier"]),
      osVersion: readText(system["version"]),
      osBuild: readText(system["build"]),
      osBuildSupplemental: readText(system["supplementalBuildVersion"]),
      osUsernames: usernames.length > 0 ? usernames : undefined,
      jamfBinaryVersion: readText(general["jamfBinaryVersion"]),
    }),
  };
}
