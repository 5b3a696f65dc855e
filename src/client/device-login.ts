/**
 * The device's part of a login: authenticate the device that this machine is, enrol it first where the cluster enrols
 * by itself, and say in a sentence when the login stays without a device. A failure here never undoes the login.
 */
import { existsSync } from "node:fs";
import { isFault } from "#base/fault.ts";
import { type DeviceState, deviceless } from "./access.ts";
import type { OnTpmBusy } from "./device/tpm-busy.ts";
import { deviceKeyFile } from "./device-state.ts";
import { type AgentSettings, openAccess } from "./open-access.ts";
import type { StoredLogin } from "./profile/logins.ts";
import type { Ping } from "./web/ping.ts";

/** What the cluster says about devices, as far as a login cares. */
export type DevicePolicy = Pick<Ping, "deviceTrustDisabled" | "autoEnroll">;

const none: DeviceState = { assetTag: undefined, problem: undefined };

/** Authenticates the device for a fresh login. `onTpmBusy` hears of the waits for the TPM in this process. */
export async function authenticateAfterLogin(
  login: StoredLogin,
  settings: AgentSettings,
  policy: DevicePolicy,
  onTpmBusy?: OnTpmBusy,
): Promise<DeviceState> {
  if (policy.deviceTrustDisabled) return none;
  const optedOut = isTrue(settings.env["TELEPORT_DEVICE_AUTO_ENROLL_DISABLED"]);
  const autoEnroll = policy.autoEnroll && !optedOut;
  const hasKey = existsSync(deviceKeyFile(settings.env));
  if (!hasKey && !autoEnroll) return none;
  try {
    const state = hasKey ? await refreshDevice(login, settings, onTpmBusy) : none;
    if (state.assetTag !== undefined || !autoEnroll) return state;
    await enrollAutomatically(login, settings, onTpmBusy);
    return await refreshDevice(login, settings, onTpmBusy);
  } catch (error) {
    if (!isFault(error)) throw error;
    return deviceless(error);
  }
}

/** The words for true that official clients read. */
function isTrue(word: string | undefined): boolean {
  return /^(1|t|T|TRUE|true|True)$/.test(word ?? "");
}

/** Authenticates the device anew, now; used after a login and after an enrollment. */
export async function refreshDevice(
  login: StoredLogin,
  settings: AgentSettings,
  onTpmBusy?: OnTpmBusy,
): Promise<DeviceState> {
  const access = await openAccess(login, settings, onTpmBusy);
  try {
    return await access.refreshDevice();
  } finally {
    access.close();
  }
}

/** The cluster gives a token for a device that it knows and that matches what it knows about it. */
async function enrollAutomatically(
  login: StoredLogin,
  { env }: AgentSettings,
  onTpmBusy: OnTpmBusy | undefined,
): Promise<void> {
  const { createClient } = await import("#api/grpc/client.ts");
  const { DeviceTrustService } = await import("#gen/teleport/devicetrust/v1/service_pb.ts");
  const { collectedDataMessage } = await import("./ceremony/messages.ts");
  const { runEnrollment } = await import("./ceremony/enroll.ts");
  const { collectThisDevice, openThisDevice } = await import("./ceremony/this-device.ts");
  const { openAuth } = await import("./open-auth.ts");
  const data = await collectThisDevice(env);
  const auth = await openAuth(login);
  const device = await openThisDevice(env, onTpmBusy);
  try {
    const { token } = await createClient(DeviceTrustService, auth).createDeviceEnrollToken({
      deviceData: collectedDataMessage(data),
    });
    await runEnrollment(auth, device, data, token);
  } finally {
    await device.close();
    await auth.close();
  }
}
