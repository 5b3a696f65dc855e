/** `tsh device asset-tag`: the serial number under which an administrator registers this machine. */
import { collectThisDevice } from "#client/ceremony/this-device.ts";
import type { TshInvocation } from "./context.ts";
import type { deviceAssetTag } from "./program.ts";

/** Prints the tag alone on a line; an empty line when the machine has none that may be read. */
export async function run({
  console,
  services,
}: TshInvocation<typeof deviceAssetTag>): Promise<void> {
  const { serialNumber } = await collectThisDevice(services.env);
  console.print(serialNumber);
  if (serialNumber !== "") return;
  console.note("hint: serial numbers may be readable for root only: sudo tsh device asset-tag");
}
