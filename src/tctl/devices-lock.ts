/** `tctl devices lock` */
import type { devicesLock, Invocation } from "./commands.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { createLock } from "./lock.ts";
import { withAuth } from "./services.ts";

/** Locks out whoever comes from the device. */
export async function run(invocation: Invocation<typeof devicesLock>): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  await withAuth(invocation, async (auth) => {
    const device = await resolveDevice(auth, target);
    if (flags.currentDevice) console.print(`Locking device "${device.spec.asset_tag}".`);
    const lock = await createLock(auth, { device: device.metadata.name }, flags, services);
    console.print(`Created a lock with name "${lock}".`);
  });
}
