/**
 * Windows: the key in the TPM of TPM Base Services, the facts from the firmware's SMBIOS table, which needs no
 * administrator. EXPERIMENTAL: docs/platforms.md says what was proven, and how.
 */
import { release, userInfo } from "node:os";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { deviceEpochFile, deviceKeyFile, type Environment } from "../../device-state.ts";
import { findTpmCredential } from "../attestation-key-file.ts";
import { type DmiValues, noDmiValues, readDmi } from "../dmi.ts";
import { EpochFile } from "../epoch-file.ts";
import type { DevicePlatform } from "../platform.ts";
import { noSerialNumber } from "../serial-number.ts";
import { TpmAuthenticator } from "../tpm-authenticator.ts";
import { selectTpm } from "../tpm-selection.ts";
import { describeWindows } from "./collect.ts";
import { readSmbiosTable } from "./libraries.ts";
import { parseSmbios } from "./smbios.ts";

/** See {@link DevicePlatform}. */
export const windows: DevicePlatform = {
  osType: "windows",
  openAuthenticator: (env, onBusy) =>
    new TpmAuthenticator({
      osType: "windows",
      tpm: selectTpm(env, "windows"),
      keyFile: deviceKeyFile(env),
      random: systemRandom,
      epochs: new EpochFile(deviceEpochFile(env), systemRandom),
      onBusy,
    }),
  findCredential: (env) => findTpmCredential(deviceKeyFile(env)),
  async collect({ env, now }) {
    return describeWindows({
      now,
      username: userInfo().username,
      domain: env["USERDOMAIN"] ?? "",
      release: release(),
      firmware: await readFirmware(env).catch((error: unknown) => {
        if (!isFault(error)) throw error;
        return noDmiValues;
      }),
    });
  },
  async explainNoSerialNumber(env) {
    try {
      await readFirmware(env);
      return noSerialNumber();
    } catch (error) {
      if (!isFault(error)) throw error;
      return error;
    }
  },
};

async function readFirmware(env: Environment): Promise<DmiValues> {
  const folder = env["GATEHOUSE_DMI_DIR"];
  if (folder) return (await readDmi(folder)).values;
  const table = await readSmbiosTable();
  return table.length === 0 ? noDmiValues : parseSmbios(table);
}
