/** `tsh device collect`: what this machine would tell a cluster. Talks to nobody. */
import { collectThisDevice } from "#client/ceremony/this-device.ts";
import { formatCollectedData } from "#client/device/format-collected.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceCollect } from "./program.ts";

/** Prints the message in the public API's JSON. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceCollect>): Promise<void> {
  console.print(formatCollectedData(await collectThisDevice(services.env)));
}
