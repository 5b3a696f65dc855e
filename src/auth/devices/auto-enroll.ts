/** Tokens that a device gets without an administrator, when the cluster allows it and the inventory expects the device. */
import { explained } from "#audit/refusal.ts";
import { checkCollectedData } from "#devicetrust/collected-data.ts";
import type { CollectedData } from "#devicetrust/messages.ts";
import type { EnrollToken } from "#devicetrust/token.ts";
import type { Device } from "#resource/device.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { assertMayEnrollAlone } from "./auto-enroll-check.ts";
import { type EnrollContext, requirePerson } from "./enroll.ts";
import { deviceFields, recordFailure, recordSuccess } from "./events.ts";
import { readDeviceTrust } from "./policy.ts";

const event = "device.token.create";

/** Gives a token for the caller alone; each refusal is an event that names the field, which the peer is not told. */
export async function createAutoEnrollToken(
  parts: EnrollContext,
  call: AuthCall,
  sent: CollectedData,
): Promise<EnrollToken> {
  const { context, inventory, tokens } = parts;
  let found: Device | undefined;
  try {
    const { user } = requirePerson(call);
    const data = checkCollectedData(sent, context.clock.now());
    const state = await inventory.findByTag(data.osType, data.serialNumber);
    found = state?.device;
    assertMayEnrollAlone(await readDeviceTrust(context), state, data);
    const { device } = state;
    await recordSuccess(context, event, call, deviceFields(device), "auto-enrollment");
    const { username } = user;
    return await tokens.create(
      { deviceId: device.metadata.name, autoEnrollUser: username },
      username,
    );
  } catch (error) {
    const fields = found && deviceFields(found);
    throw explained(error, await recordFailure(context, event, call, error, fields));
  }
}
