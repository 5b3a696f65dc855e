/** Where this machine keeps what makes it a device, and which variables redirect that. Loads nothing large. */
import { homedir } from "node:os";
import { join } from "node:path";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The file of the device's key; the private part inside is of use to this TPM, or this Secure Enclave, only. */
export function deviceKeyFile(
  env: Environment,
  system: NodeJS.Platform = process.platform,
): string {
  const name = system === "darwin" ? "enclave-key.json" : "attestation-key.json";
  return join(stateFolder(env, system), name);
}

/** The file of what the machine must show beside its key. */
export function deviceEpochFile(
  env: Environment,
  system: NodeJS.Platform = process.platform,
): string {
  return join(stateFolder(env, system), "device-epochs.json");
}

/**
 * The folder of what this machine keeps as a device. On Windows that of the person's data which does not roam: the key is
 * of no use on another machine, and the folder's access list lets in nobody else but the system and administrators.
 */
export function stateFolder(env: Environment, system: NodeJS.Platform = process.platform): string {
  if (system === "win32") {
    return join(env["LOCALAPPDATA"] || join(homedir(), "AppData", "Local"), "gatehouse");
  }
  return join(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "gatehouse");
}

/** Variables that put something else in the place of this machine's own hardware. */
export const overrides = [
  "GATEHOUSE_TPM",
  "GATEHOUSE_DMI_DIR",
  "GATEHOUSE_EVENT_LOG",
  "GATEHOUSE_ENCLAVE_HELPER",
] as const;

/** A warning to print when the TPM or the machine's data are not the machine's own; undefined otherwise. */
export function describeOverrides(env: Environment): string | undefined {
  const set = overrides.filter((name) => env[name]);
  return set.length === 0
    ? undefined
    : `WARNING: ${set.join(" and ")} ${set.length === 1 ? "is" : "are"} set: this is not the machine's own hardware`;
}
