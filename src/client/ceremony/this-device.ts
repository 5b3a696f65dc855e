/**
 * The machine that this process runs on, as a device: its TPM, the file of its key and what it says about itself, as the
 * environment selects them. The modules that talk to the TPM are loaded when they are needed.
 */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { systemRandom } from "#base/random.ts";
import type { CollectedData } from "#devicetrust/messages.ts";
import type { DeviceAuthenticator as SessionDevice } from "../cluster/device-session.ts";
import type { DeviceAuthenticator } from "../device/authenticator.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { deviceKeyFile, type Environment, stateFolder } from "../device-state.ts";

/** Opens the device. Close it when done. `onBusy` is told when its TPM keeps us waiting. */
export async function openThisDevice(
  env: Environment,
  onBusy?: OnTpmBusy,
): Promise<DeviceAuthenticator> {
  const { TpmAuthenticator } = await import("../device/tpm-authenticator.ts");
  const { parseTpmSelection } = await import("../device/tpm-selection.ts");
  return new TpmAuthenticator({
    tpm: parseTpmSelection(env["GATEHOUSE_TPM"]),
    keyFile: deviceKeyFile(env),
    eventLogFile: env["GATEHOUSE_EVENT_LOG"] || undefined,
    random: systemRandom,
    onBusy,
  });
}

/** How serial numbers that only root may read are got: by this command under sudo, or only from an earlier run. */
export interface Escalation {
  /** The words that call tsh. */
  readonly program: readonly string[];
  /** A person is there who can type the password of sudo. */
  readonly ask: boolean;
}

/** What this machine says about itself now. Without `escalation` nobody is asked for more rights. */
export async function collectThisDevice(
  env: Environment,
  escalation?: Escalation,
): Promise<CollectedData> {
  const { collectDeviceData } = await import("../device/collect.ts");
  const { readProtectedDmi, sudoReader } = await import("../device/protected-dmi.ts");
  const readAsRoot =
    escalation &&
    sudoReader([...escalation.program, "device", "dmi-read"], { ask: escalation.ask });
  return collectDeviceData({
    now: new Date(),
    username: userInfo().username,
    dmiDir: await dmiFolder(env),
    readProtectedDmi: () =>
      readProtectedDmi({ cacheFile: join(stateFolder(env), "dmi.json"), readAsRoot }),
  });
}

/** The folder with the firmware's values. */
export async function dmiFolder(env: Environment): Promise<string> {
  const { defaultDmiDir } = await import("../device/dmi.ts");
  return env["GATEHOUSE_DMI_DIR"] || defaultDmiDir;
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
