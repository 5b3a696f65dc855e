/** `tsh device keyget`: the public part of the device's key, as an enrollment sent it. Touches no hardware. */
import { Fault } from "#base/fault.ts";
import { thisPlatform } from "#client/ceremony/this-device.ts";
import { formatCredential } from "#client/device/format-collected.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceKeyGet } from "./program.ts";

/** Prints the message in the public API's JSON. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceKeyGet>): Promise<void> {
  const credential = await (await thisPlatform()).findCredential(services.env);
  if (credential === undefined) {
    throw new Fault("not-found", "this device has no key", {
      hint: "make one by enrolling it: tsh device enroll --current-device",
    });
  }
  console.print(formatCredential(credential));
}
