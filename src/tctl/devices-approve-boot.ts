/** `tctl devices approve-boot` */
import type { devicesApproveBoot } from "./attestation-commands.ts";
import type { Invocation } from "./commands.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { withAuth } from "./services.ts";

/** Makes the newest boot of the device the one that later ones are compared with, and says what that changes. */
export async function run(invocation: Invocation<typeof devicesApproveBoot>): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  await withAuth(invocation, async (auth) => {
    const { metadata, spec } = await resolveDevice(auth, target);
    const { baseline: before } = await auth.deviceAttestation(metadata.name);
    const { baseline: after, lastBoot } = await auth.approveBoot(metadata.name);
    const changed = Object.keys(after).filter((pcr) => after[Number(pcr)] !== before[Number(pcr)]);
    const seen = lastBoot?.seen?.toISOString() ?? "an unknown time";
    console.print(`Approved the boot of device "${spec.asset_tag}" that was seen at ${seen}.`);
    console.print(
      changed.length === 0
        ? "Its PCR values are those that were approved before."
        : `Changed since the last approval: PCR ${changed.join(", ")}`,
    );
  });
}
