/** Audit events about devices: what every one of them says, and how a ceremony that failed is told. */

import { deviceEventActorOf } from "#audit/actor.ts";
import type { EventFields } from "#audit/catalogue.ts";
import { isFault, messageOf } from "#base/fault.ts";
import { type BootFinding, formatFinding } from "#devicetrust/measured-boot.ts";
import { DeviceOrigin } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { requireIdentity } from "../grpc/guard.ts";
import { osTypeNumber } from "./messages.ts";

/** Types of events that say of a device how something went. */
export type OutcomeEvent =
  | "device.token.create"
  | "device.token.spent"
  | "device.enroll"
  | "device.authenticate";

const origins = {
  unspecified: DeviceOrigin.UNSPECIFIED,
  api: DeviceOrigin.API,
  jamf: DeviceOrigin.JAMF,
  intune: DeviceOrigin.INTUNE,
} as const;

/** A device as events name it; `credentialId` overrides the one that it is enrolled with. */
export function deviceFields(device: Device, credentialId = device.spec.credential?.id) {
  const { os_type, asset_tag, source } = device.spec;
  return {
    device_id: device.metadata.name,
    os_type: osTypeNumber(os_type),
    asset_tag,
    ...(credentialId === undefined ? {} : { credential_id: credentialId }),
    ...(source?.origin ? { device_origin: origins[source.origin] } : {}),
  };
}

/** What an event says when the device vouches for a web session; `id` joins the events of one authentication. */
export function webFields(id: string) {
  return { web_authentication: true, web_authentication_id: id };
}

/** A device in an event, as far as it is known. */
export type DeviceFields = NonNullable<EventFields<OutcomeEvent>["device"]>;

/** Who called, and from where. */
export function callerFields(call: AuthCall) {
  return {
    ...deviceEventActorOf(requireIdentity(call)),
    "addr.remote": call.peer.address,
    ...(call.metadata["user-agent"] ? { user_agent: call.metadata["user-agent"] } : {}),
  };
}

/** Writes that something went well; gives the id of the event. */
export function recordSuccess(
  context: Pick<AuthContext, "audit">,
  type: OutcomeEvent,
  call: AuthCall,
  device: DeviceFields,
  message?: string,
): Promise<string> {
  const fields: EventFields<OutcomeEvent> = {
    ...callerFields(call),
    success: true,
    device,
    ...(message === undefined ? {} : { message }),
  };
  return context.audit.record(type, fields);
}

/** Writes which measured-boot rules a device does not satisfy although none of them refuses it. */
export async function recordBoot(
  context: Pick<AuthContext, "audit">,
  call: AuthCall,
  device: ReturnType<typeof deviceFields>,
  findings: readonly BootFinding[],
): Promise<void> {
  for (const finding of findings) {
    const message = formatFinding(finding);
    const fields = { ...callerFields(call), device, message, reason: finding.reason };
    await context.audit.record("device.boot.report", fields);
  }
}

/** Writes that something failed, with the reason that the peer does not get to see; gives the id of the event. */
export function recordFailure(
  context: Pick<AuthContext, "audit">,
  type: OutcomeEvent,
  call: AuthCall,
  error: unknown,
  device?: DeviceFields,
): Promise<string> {
  const fields: EventFields<OutcomeEvent> = {
    ...callerFields(call),
    ...failureFields(error),
    ...(device ? { device } : {}),
  };
  return context.audit.record(type, fields);
}

/** How something failed, with the reason that the peer does not get to see. */
export function failureFields(error: unknown) {
  const { reason, why, detail } = isFault(error) ? error.audit : {};
  const explained = [why, detail].filter((part) => part !== undefined).join(": ");
  return {
    success: false,
    error: isFault(error) ? error.message : "internal error",
    message: explained || messageOf(error),
    ...(reason === undefined ? {} : { reason: String(reason) }),
  };
}
