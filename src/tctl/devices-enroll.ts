/** `tctl devices enroll` */
import type { devicesEnroll, Invocation } from "./commands.ts";
import { printEnrollToken } from "./device-text.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { withAuth } from "./services.ts";

/** Makes an enrollment token for a registered device and prints the command that spends it. */
export async function run(invocation: Invocation<typeof devicesEnroll>): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  const now = services.clock.now();
  const expires = flags.ttl === undefined ? undefined : new Date(now.getTime() + flags.ttl);
  await withAuth(invocation, async (auth) => {
    const device = await resolveDevice(auth, target);
    const token = await auth.createEnrollToken(device.metadata.name, expires);
    printEnrollToken(console, token, device.spec.asset_tag, now);
  });
}
