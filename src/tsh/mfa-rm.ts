/** `tsh mfa rm`: removes a second factor, after one was shown. */

import { Fault } from "#base/fault.ts";
import { proveOwner } from "#client/second-factor.ts";
import type { TshInvocation } from "./context.ts";
import { withAuth } from "./mfa.ts";
import type { mfaRm } from "./program.ts";
import { askCode } from "./second-factor.ts";

/** Looks for it first, so that nobody spends a code on a slip of the pen. */
export async function run({
  args,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof mfaRm>): Promise<void> {
  const { name } = args;
  await withAuth(services, shared, signal, async (auth) => {
    const { Devices } = await auth.getMFADevices({});
    if (!Devices.some(({ metadata, id }) => metadata?.Name === name || id === name)) {
      throw new Fault("not-found", `device "${name}" not found`, {
        hint: "those that you have are listed by: tsh mfa ls",
      });
    }
    const shown = await proveOwner(auth, askCode(console));
    await auth.deleteMFADeviceSync({
      DeviceName: name,
      ...(shown ? { ExistingMFAResponse: shown } : {}),
    });
  });
  console.print(`MFA device "${name}" removed.`);
}
