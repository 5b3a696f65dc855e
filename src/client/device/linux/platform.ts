/** Linux: the key in the TPM of the kernel's resource manager, the facts from DMI and os-release. */
import { userInfo } from "node:os";
import { join } from "node:path";
import { systemRandom } from "#base/random.ts";
import {
  deviceEpochFile,
  deviceKeyFile,
  type Environment,
  stateFolder,
} from "../../device-state.ts";
import { findTpmCredential } from "../attestation-key-file.ts";
import { defaultDmiDir, readDmi } from "../dmi.ts";
import { EpochFile } from "../epoch-file.ts";
import type { DevicePlatform } from "../platform.ts";
import { noSerialNumber, rootOnlySerialNumber } from "../serial-number.ts";
import { TpmAuthenticator } from "../tpm-authenticator.ts";
import { selectTpm } from "../tpm-selection.ts";
import { collectDeviceData } from "./collect.ts";
import { readProtectedDmi, sudoReader } from "./protected-dmi.ts";

/** See {@link DevicePlatform}. */
export const linux: DevicePlatform = {
  osType: "linux",
  openAuthenticator: (env, onBusy) =>
    new TpmAuthenticator({
      osType: "linux",
      tpm: selectTpm(env, "linux"),
      keyFile: deviceKeyFile(env),
      eventLogFile: env["GATEHOUSE_EVENT_LOG"] || undefined,
      random: systemRandom,
      epochs: new EpochFile(deviceEpochFile(env), systemRandom),
      onBusy,
    }),
  findCredential: (env) => findTpmCredential(deviceKeyFile(env)),
  collect: ({ env, now, escalation }) =>
    collectDeviceData({
      now,
      username: userInfo().username,
      dmiDir: dmiFolder(env),
      readProtectedDmi: () =>
        readProtectedDmi({
          cacheFile: join(stateFolder(env), "dmi.json"),
          readAsRoot:
            escalation &&
            sudoReader([...escalation.program, "device", "dmi-read"], { ask: escalation.ask }),
        }),
    }),
  async explainNoSerialNumber(env) {
    const { denied } = await readDmi(dmiFolder(env));
    return denied
      ? rootOnlySerialNumber(
          "tsh asks for sudo once, and keeps it: tsh device enroll --current-device",
        )
      : noSerialNumber();
  },
};

/** The folder with the firmware's values. */
export function dmiFolder(env: Environment): string {
  return env["GATEHOUSE_DMI_DIR"] || defaultDmiDir;
}
