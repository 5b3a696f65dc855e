/**
 * What an operating system contributes to a device: who holds its key, and what its machine says about itself. One small
 * implementation per system, of the same shape, loaded when it is asked for: a command that needs none reads none.
 */
import { Fault } from "#base/fault.ts";
import type { CollectedData, DeviceCredential, OsType } from "#devicetrust/messages.ts";
import type { Environment } from "../device-state.ts";
import type { DeviceAuthenticator } from "./authenticator.ts";
import type { OnTpmBusy } from "./tpm-busy.ts";

/** How serial numbers that only root may read are got: by this command under sudo, or only from an earlier run. */
export interface Escalation {
  /** The words that call tsh. */
  readonly program: readonly string[];
  /** A person is there who can type the password of sudo. */
  readonly ask: boolean;
}

/** What a collector is told. */
export interface CollectRequest {
  readonly env: Environment;
  readonly now: Date;
  /** Undefined: nobody is asked for more rights. */
  readonly escalation: Escalation | undefined;
}

/** The public half of the device's key, as the inventory keeps it. */
export type PublicCredential = Pick<DeviceCredential, "id" | "publicKeyDer" | "tpmAkPublic">;

/** One operating system's part. */
export interface DevicePlatform {
  readonly osType: OsType;
  /** Opens the holder of the key; touches no hardware yet. Close it when done. */
  openAuthenticator(env: Environment, onBusy?: OnTpmBusy): DeviceAuthenticator;
  /** The key of an earlier enrollment, from its file; undefined without one. Throws `environment` for a damaged file. */
  findCredential(env: Environment): Promise<PublicCredential | undefined>;
  /** What the machine says about itself; what cannot be read is empty. */
  collect(request: CollectRequest): Promise<CollectedData>;
  /** Why {@link collect} gave no serial number, and what helps. */
  explainNoSerialNumber(env: Environment): Promise<Fault>;
}

/** The part of the system that runs here, or of the named one. Throws `environment` for a system without one. */
export async function devicePlatform(
  system: NodeJS.Platform = process.platform,
): Promise<DevicePlatform> {
  switch (system) {
    case "linux":
      return (await import("./linux/platform.ts")).linux;
    case "win32":
      return (await import("./windows/platform.ts")).windows;
    case "darwin":
      return (await import("./macos/platform.ts")).macos;
    default:
      throw new Fault("environment", `a machine with ${system} cannot be a trusted device`, {
        hint: "use one with Linux, Windows or macOS",
      });
  }
}
