/** `tctl rm` */
import { Fault } from "#base/fault.ts";
import { kindInfo } from "#resource/kinds.ts";
import { parseReferences, type ResourceReference } from "#resource/reference.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation, rm } from "./commands.ts";
import { findDevice } from "./find-device.ts";
import { explainMissing } from "./missing.ts";
import { confirmOwnRemoval } from "./own-account.ts";
import { withAuth } from "./services.ts";

/** Deletes each resource named; resets to defaults what exists once. */
export async function run(invocation: Invocation<typeof rm>): Promise<void> {
  const { args, console } = invocation;
  const references = parseReferences(args.resources);
  const unnamed = references.find(({ name }) => name === undefined);
  if (unnamed) {
    throw new Fault("usage", `name the ${unnamed.kind} to delete`, {
      hint: `write ${unnamed.kind}/name`,
    });
  }
  await withAuth(invocation, async (auth) => {
    for (const reference of references) {
      if (reference.kind === "user") await confirmOwnRemoval(auth, reference.name ?? "", console);
      console.print(await removeOne(auth, reference));
    }
  });
}

async function removeOne(
  auth: AuthClient,
  { kind, name = "" }: ResourceReference,
): Promise<string> {
  if (kind === "device") {
    const device = await findDevice(auth, name);
    await auth.remove("device", device.metadata.name);
    return `device "${device.spec.asset_tag}" has been deleted`;
  }
  await auth.remove(kind, name).catch((error: unknown) => explainMissing(kind, error));
  if (kindInfo(kind).singleton !== undefined) return `${kind} has been reset to defaults`;
  return `${kind} "${name}" has been deleted`;
}
