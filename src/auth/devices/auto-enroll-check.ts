/**
 * The check of auto-enrollment, made when the token is asked for and again when it is spent: in between, the device may have
 * been enrolled by somebody else, or the settings may have changed. Every refusal reads the same to the peer.
 */
import { Fault } from "#base/fault.ts";
import { decideAutoEnrollment } from "#devicetrust/auto-enrollment.ts";
import type { CheckedData } from "#devicetrust/collected-data.ts";
import type { DeviceState } from "./device-state.ts";
import { readProfileDocument } from "./messages.ts";
import type { DeviceTrustSettings } from "./policy.ts";

/** Throws `access-denied`, with the field for the audit log only, unless the device may enrol by itself now. */
export function assertMayEnrollAlone(
  { autoEnroll }: Pick<DeviceTrustSettings, "autoEnroll">,
  state: DeviceState | undefined,
  data: CheckedData,
): asserts state is DeviceState {
  const decision = decideAutoEnrollment({
    enabled: autoEnroll,
    device: state && candidateOf(state),
    data,
  });
  if (!decision.allowed) throw refusal(decision);
}

/** Throws the same when the device has been enrolled, or found to exist twice, meanwhile: a token that nobody gave decides neither. */
export function assertNotTaken({ device, record }: DeviceState): void {
  if (device.spec.enroll_status === "enrolled") {
    throw refusal({ field: "enroll_status", message: "the device is enrolled already" });
  }
  if (record.copied !== undefined) {
    throw refusal({ field: "copied", message: "the device was found to exist twice" });
  }
}

function refusal({ field, message }: { readonly field: string; readonly message: string }): Fault {
  return new Fault("access-denied", "this device cannot enroll by itself", {
    audit: { reason: `auto_enroll_${field}`, why: message },
  });
}

function candidateOf({ device, record }: DeviceState) {
  const { os_type, asset_tag, enroll_status, profile } = device.spec;
  return {
    osType: os_type,
    assetTag: asset_tag,
    enrolled: enroll_status === "enrolled",
    copied: record.copied !== undefined,
    profile: profile && readProfileDocument(profile),
  };
}
