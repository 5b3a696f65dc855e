/** `tsh device dmi-read`: the firmware's values as one JSON object. Run by tsh itself, as root. */
import { dmiFolder } from "#client/ceremony/this-device.ts";
import { readDmi } from "#client/device/dmi.ts";
import { formatDmi } from "#client/device/protected-dmi.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceDmiRead } from "./program.ts";

/** Prints them; values that may not be read are empty. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceDmiRead>): Promise<void> {
  const { values } = await readDmi(await dmiFolder(services.env));
  console.print(formatDmi(values));
}
