/**
 * The machine that this process runs on, as a device: its key and what it says about itself, as the environment selects
 * them. What does the work is the part of its operating system, loaded when it is needed.
 */
import { existsSync } from "node:fs";
import type { CollectedData } from "#devicetrust/messages.ts";
import type { DeviceAuthenticator as SessionDevice } from "../cluster/device-session.ts";
import type { DeviceAuthenticator } from "../device/authenticator.ts";
import type { DevicePlatform, Escalation } from "../device/platform.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { deviceKeyFile, type Environment } from "../device-state.ts";

/** The part of this machine's operating system. Throws `environment` when it has none. */
export async function thisPlatform(): Promise<DevicePlatform> {
  const { devicePlatform } = await import("../device/platform.ts");
  return devicePlatform();
}

/** Opens the device. Close it when done. `onBusy` is told when its TPM keeps us waiting. */
export async function openThisDevice(
  env: Environment,
  onBusy?: OnTpmBusy,
): Promise<DeviceAuthenticator> {
  return (await thisPlatform()).openAuthenticator(env, onBusy);
}

/** What this machine says about itself now. Without `escalation` nobody is asked for more rights. */
export async function collectThisDevice(
  env: Environment,
  escalation?: Escalation,
): Promise<CollectedData> {
  return (await thisPlatform()).collect({ env, now: new Date(), escalation });
}

/** This machine's device for authentications; costs nothing until one runs. */
export function thisDevice(env: Environment, onBusy?: OnTpmBusy): SessionDevice {
  return {
    hasCredential: () => existsSync(deviceKeyFile(env)),
    async authenticate(auth, proof) {
      const { runAuthentication } = await import("./authenticate.ts");
      const device = await openThisDevice(env, onBusy);
      try {
        return await runAuthentication(auth, device, await collectThisDevice(env), proof);
      } finally {
        await device.close();
      }
    },
  };
}
