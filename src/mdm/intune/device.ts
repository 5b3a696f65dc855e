/** A row of Microsoft Graph's managedDevices (version 1.0) as a device of the inventory. */
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { fieldsOf, present, readId, readSerial, readText, readTime, readUser } from "../fields.ts";
import type { MdmProfile, MdmRow } from "../source.ts";

/** The fields that are asked for. */
export const selected = [
  "id",
  "serialNumber",
  "operatingSystem",
  "osVersion",
  "model",
  "deviceRegistrationState",
  "lastSyncDateTime",
  "userPrincipalName",
  "emailAddress",
] as const;

const systems: ReadonlyMap<string, OSType> = new Map([
  ["macos", OSType.OS_TYPE_MACOS],
  ["windows", OSType.OS_TYPE_WINDOWS],
  ["linux", OSType.OS_TYPE_LINUX],
  ["ios", OSType.OS_TYPE_IOS],
  ["ipados", OSType.OS_TYPE_IPADOS],
]);

/** Reads a row. Only registered devices of systems that can enroll are eligible. */
export function readManagedDevice(value: unknown): MdmRow {
  const row = fieldsOf(value);
  const externalId = readId(row["id"]);
  if (externalId === undefined) return { skipped: "unreadable" };
  const [system = ""] = (readText(row["operatingSystem"]) ?? "").toLowerCase().split(/[\s(]/);
  const osType = systems.get(system);
  const state = readText(row["deviceRegistrationState"])?.toLowerCase();
  if (osType === undefined || state !== "registered") return { skipped: "not eligible" };
  const serial = readSerial(row["serialNumber"]);
  if (serial === undefined) return { skipped: "no serial number" };
  return {
    osType,
    serial,
    externalId,
    reportedAt: readTime(row["lastSyncDateTime"]),
    assignedUser: readUser(row["userPrincipalName"], row["emailAddress"]),
    profile: present<MdmProfile>({
      modelIdentifier: readModel(osType, row["model"]),
      ...readVersion(osType, readText(row["osVersion"])),
    }),
  };
}

/** Of a Mac, Intune knows the trade name, which the device itself does not report. */
function readModel(osType: OSType, value: unknown): string | undefined {
  const model = readText(value);
  if (osType === OSType.OS_TYPE_WINDOWS || osType === OSType.OS_TYPE_LINUX) return model;
  return model !== undefined && /^[A-Za-z]+\d+,\d+$/.test(model) ? model : undefined;
}

/** "10.0.22621.2428" of Windows is version 10.0.22621, build 22621; "14.1.2 (23B92)" of a Mac is version and build. */
function readVersion(
  osType: OSType,
  text: string | undefined,
): Pick<MdmProfile, "osVersion" | "osBuild"> {
  if (text === undefined) return {};
  const windows = /^(\d+\.\d+\.(\d+))(?:\.\d+)?$/.exec(text);
  if (osType === OSType.OS_TYPE_WINDOWS && windows?.[1] && windows[2]) {
    return { osVersion: windows[1], osBuild: windows[2] };
  }
  const [, version, build] = /^(\S+)(?:\s+\((?:build )?([\w.]+)\))?$/i.exec(text) ?? [];
  return present<MdmProfile>({ osVersion: version, osBuild: build });
}
