/**
 * Collected data as `tsh device collect` prints it: the message's name and its JSON form with the field names of the
 * public API, in the order of field numbers; empty fields are left out.
 */
import { base64 } from "#base/bytes.ts";
import type { CollectedData, DeviceCredential, OsType } from "#devicetrust/messages.ts";

const osNames: Readonly<Record<OsType, string>> = {
  linux: "OS_TYPE_LINUX",
  macos: "OS_TYPE_MACOS",
  windows: "OS_TYPE_WINDOWS",
  ios: "OS_TYPE_IOS",
  ipados: "OS_TYPE_IPADOS",
};

/** The text, without a line end after it. */
export function formatCollectedData(data: CollectedData): string {
  return formatMessage("DeviceCollectedData", {
    collect_time: formatTime(data.collectTime),
    record_time: formatTime(data.recordTime),
    os_type: data.osType && osNames[data.osType],
    serial_number: data.serialNumber,
    model_identifier: data.modelIdentifier,
    os_version: data.osVersion,
    os_build: data.osBuild,
    os_username: data.osUsername,
    jamf_binary_version: data.jamfBinaryVersion,
    macos_enrollment_profiles: data.macosEnrollmentProfiles,
    reported_asset_tag: data.reportedAssetTag,
    system_serial_number: data.systemSerialNumber,
    base_board_serial_number: data.baseBoardSerialNumber,
    os_id: data.osId,
    os_login_user: data.osLoginUser,
  });
}

/** A credential as `tsh device keyget` prints it. */
export function formatCredential(
  credential: Pick<DeviceCredential, "id" | "publicKeyDer" | "tpmAkPublic">,
): string {
  return formatMessage("DeviceCredential", {
    id: credential.id,
    public_key_der: base64(credential.publicKeyDer),
    tpm_ak_public: base64(credential.tpmAkPublic),
  });
}

function formatMessage(name: string, fields: Readonly<Record<string, string | undefined>>): string {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  return `${name} ${JSON.stringify(Object.fromEntries(present), null, 2)}`;
}

/** RFC 3339; a whole second has no fraction. */
function formatTime(time: Date | undefined): string | undefined {
  return time?.toISOString().replace(".000Z", "Z");
}
