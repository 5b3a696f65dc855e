/**
 * The check of auto-enrolment, made when the token is asked for and again when it is spent: in between, the device may have
 * been enrolled by somebody else, or the settings may have changed. Every refusal reads the same to the peer.
 */
import { Fault } from "#base/fault.ts";
import { decideAutoEnrollment } from "#devicetrust/auto-enrollment.ts";
import type { CheckedData } from "#devicetrust/collected-data.ts";
import type { Device } from "#resource/device.ts";
import { readProfileDocument } from "./messages.ts";
import type { DeviceTrustSettings } from "./policy.ts";

/** Throws `access-denied`, with the field for the audit log only, unless the device may enrol by itself now. */
export function assertMayEnrollAlone(
  { autoEnroll }: Pick<DeviceTrustSettings, "autoEnroll">,
  device: Device | undefined,
  data: CheckedData,
): asserts device is Device {
  const decision = decideAutoEnrollment({
    enabled: autoEnroll,
    device: device && candidateOf(device),
    data,
  });
  if (!decision.allowed) throw refusal(decision);
}

/** Throws the same when the device has been enrolled meanwhile: a token that nobody gave never takes it over. */
export function assertNotTaken({ spec }: Device): void {
  if (spec.enroll_status !== "enrolled") return;
  throw refusal({ field: "enroll_status", message: "the device is enrolled already" });
}

function refusal({ field, message }: { readonly field: string; readonly message: string }): Fault {
  return new Fault("access-denied", "this device cannot enroll by itself", {
    audit: { reason: `auto_enroll_${field}`, why: message },
  });
}

function candidateOf({ spec }: Device) {
  const { os_type, asset_tag, enroll_status, profile } = spec;
  return {
    osType: os_type,
    assetTag: asset_tag,
    enrolled: enroll_status === "enrolled",
    profile: profile && readProfileDocument(profile),
  };
}
