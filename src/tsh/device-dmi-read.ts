/** `tsh device dmi-read`: the firmware's values as one JSON object. Run by tsh itself, as root. */
import { readDmi } from "#client/device/dmi.ts";
import { dmiFolder } from "#client/device/linux/platform.ts";
import { formatDmi } from "#client/device/linux/protected-dmi.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceDmiRead } from "./program.ts";

/** Prints them; values that may not be read are empty. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceDmiRead>): Promise<void> {
  const { values } = await readDmi(dmiFolder(services.env));
  console.print(formatDmi(values));
}
