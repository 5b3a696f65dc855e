/**
 * Limits of what a client may say about its machine. The text ends up in inventories, audit events and terminals.
 */

import type { CollectedData, OsType } from "./messages.ts";
import { badRequest } from "./refusal.ts";

const shortFields = [
  "serialNumber",
  "modelIdentifier",
  "osVersion",
  "osBuild",
  "jamfBinaryVersion",
  "reportedAssetTag",
  "systemSerialNumber",
  "baseBoardSerialNumber",
  "osId",
  "osLoginUser",
] as const satisfies readonly (keyof CollectedData)[];

const maxShort = 100;
/** The official client cuts the name at this length and cites the server's limit. */
const maxUsername = 40;
const maxProfiles = 4096;
const maxSkewMs = 24 * 3_600_000;
const controlCharacter = /\p{Cc}/u;

/** Collected data that has passed {@link checkCollectedData}. */
export interface CheckedData extends CollectedData {
  readonly collectTime: Date;
  readonly osType: OsType;
}

/** Checks presence, sizes and time; throws `invalid` that names the field. */
export function checkCollectedData(data: CollectedData | undefined, now: Date): CheckedData {
  if (data === undefined) throw badRequest("device data is missing");
  const { collectTime, osType } = data;
  if (osType === undefined) throw badRequest("device data has no OS type");
  if (data.serialNumber === "") throw badRequest("device data has no serial number");
  if (collectTime === undefined || Number.isNaN(collectTime.getTime())) {
    throw badRequest("device data has no collection time");
  }
  if (Math.abs(now.getTime() - collectTime.getTime()) > maxSkewMs) {
    throw badRequest("the collection time of the device data is more than a day off");
  }
  if (data.tpmPlatformAttestation !== undefined) {
    throw badRequest("device data must not hold a platform attestation");
  }
  for (const field of shortFields) checkText(field, data[field], maxShort);
  checkText("osUsername", data.osUsername, maxUsername);
  checkLength("macosEnrollmentProfiles", data.macosEnrollmentProfiles, maxProfiles);
  return { ...data, collectTime, osType };
}

function checkText(field: string, value: string, max: number): void {
  checkLength(field, value, max);
  if (controlCharacter.test(value)) {
    throw badRequest(`device data field ${field} holds a control character`);
  }
}

function checkLength(field: string, value: string, max: number): void {
  if (value.length > max) {
    throw badRequest(`device data field ${field} is longer than ${max} characters`);
  }
}
