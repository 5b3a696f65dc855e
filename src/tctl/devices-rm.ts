/** `tctl devices rm` */
import type { devicesRm, Invocation } from "./commands.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { withAuth } from "./services.ts";

/** Removes the device from the inventory. */
export async function run(invocation: Invocation<typeof devicesRm>): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  await withAuth(invocation, async (auth) => {
    const device = await resolveDevice(auth, target);
    await auth.remove("device", device.metadata.name);
  });
  console.print(`Device "${target.value}" removed`);
}
