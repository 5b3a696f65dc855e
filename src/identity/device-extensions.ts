/** The three device fields of a certificate, which are only good together (device trust, section 6). */
import { Fault } from "#base/fault.ts";
import type { DeviceExtensions } from "./identity.ts";

/**
 * The device that the three values name, or undefined when none is there. Throws `malformed` for one or two of
 * them: a certificate that half names a device is not ours.
 */
export function readDevice(
  deviceId: string | undefined,
  assetTag: string | undefined,
  credentialId: string | undefined,
): DeviceExtensions | undefined {
  const values = [deviceId, assetTag, credentialId];
  if (values.every((value) => value === undefined)) return undefined;
  if (values.some((value) => value === undefined || value === "")) {
    throw new Fault("malformed", "the certificate names a device incompletely");
  }
  return { deviceId: deviceId ?? "", assetTag: assetTag ?? "", credentialId: credentialId ?? "" };
}

/** Throws `invalid` unless every field says something. */
export function assertDevice(device: DeviceExtensions): void {
  if (device.deviceId === "" || device.assetTag === "" || device.credentialId === "") {
    throw new Fault("invalid", "a certificate needs the id, asset tag and credential of a device");
  }
}
