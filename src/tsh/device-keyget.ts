/** `tsh device keyget`: the public part of the device's key, as an enrollment sent it. Touches no TPM. */
import { Fault } from "#base/fault.ts";
import { openThisDevice } from "#client/ceremony/this-device.ts";
import { readAttestationKey } from "#client/device/attestation-key-file.ts";
import { formatCredential } from "#client/device/format-collected.ts";
import { deviceKeyFile } from "#client/device-state.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceKeyGet } from "./program.ts";

/** Prints the message in the public API's JSON. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceKeyGet>): Promise<void> {
  const key = await readAttestationKey(deviceKeyFile(services.env));
  const device = await openThisDevice(services.env);
  const id = await device.findCredentialId();
  await device.close();
  if (key === undefined || id === undefined) {
    throw new Fault("not-found", "this device has no key", {
      hint: "make one by enrolling it: tsh device enroll --current-device",
    });
  }
  console.print(formatCredential({ id, publicKeyDer: new Uint8Array(0), tpmAkPublic: key.public }));
}
