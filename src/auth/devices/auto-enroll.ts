/** Tokens that a device gets without an administrator, when the cluster allows it and the inventory expects the device. */
import { explained } from "#audit/refusal.ts";
import { Fault } from "#base/fault.ts";
import { decideAutoEnrollment } from "#devicetrust/auto-enrollment.ts";
import { checkCollectedData } from "#devicetrust/collected-data.ts";
import type { CollectedData } from "#devicetrust/messages.ts";
import type { EnrollToken } from "#devicetrust/token.ts";
import type { Device } from "#resource/device.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { type EnrollContext, requirePerson } from "./enroll.ts";
import { deviceFields, recordFailure, recordSuccess } from "./events.ts";
import { readProfileDocument } from "./messages.ts";
import { readDeviceTrust } from "./policy.ts";

/** Gives a token for the caller alone; each refusal says the same to the peer and names the field in the audit log. */
export async function createAutoEnrollToken(
  { context, inventory, tokens }: EnrollContext,
  call: AuthCall,
  sent: CollectedData,
): Promise<EnrollToken> {
  const { user } = requirePerson(call);
  const data = checkCollectedData(sent, context.clock.now());
  const { autoEnroll } = await readDeviceTrust(context);
  const device = (await inventory.findByTag(data.osType, data.serialNumber))?.device;
  const decision = decideAutoEnrollment({
    enabled: autoEnroll,
    device: device && candidateOf(device),
    data,
  });
  const event = "device.token.create";
  if (!decision.allowed) {
    const refusal = new Fault("access-denied", "this device cannot enroll by itself", {
      audit: { reason: `auto_enroll_${decision.field}`, why: decision.message },
    });
    const fields = device && deviceFields(device);
    throw explained(refusal, await recordFailure(context, event, call, refusal, fields));
  }
  // The decision allows registered devices only.
  const registered = device as Device;
  await recordSuccess(context, event, call, deviceFields(registered), "auto-enrollment");
  const { username } = user;
  return tokens.create({ deviceId: registered.metadata.name, autoEnrollUser: username }, username);
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
