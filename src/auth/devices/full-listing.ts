/**
 * Pages of the listing that shows everything. Devices differ in size a hundredfold, because those that authenticate carry
 * what they said and proved: a page ends where a message would become too long, not only after a number of devices.
 */
import { toBinary } from "@bufbuild/protobuf";
import { type Device, DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { AuthContext } from "../context.ts";
import type { DeviceInventory } from "./inventory.ts";
import { deviceMessage } from "./views.ts";

/** Half of what clients take in one message. */
const pageBytes = 2 * 1024 * 1024;
/** Devices that are read side by side. */
const atOnce = 50;

/** What the listing reads from. */
export interface FullListingContext {
  readonly context: Pick<AuthContext, "stores">;
  readonly inventory: DeviceInventory;
}

/** A page in the order of the devices' ids. Devices that are deleted meanwhile are left out. */
export async function listInFull(
  { context, inventory }: FullListingContext,
  { limit, after }: { readonly limit: number; readonly after?: string },
): Promise<{ devices: Device[]; nextPageToken: string }> {
  const devices: Device[] = [];
  let last = after;
  let bytes = 0;
  while (devices.length < limit) {
    const page = await context.stores.devices.list({
      limit: Math.min(atOnce, limit - devices.length),
      ...(last === undefined ? {} : { after: last }),
    });
    const names = page.documents.map(({ metadata }) => metadata.name);
    const states = await Promise.all(names.map((name) => inventory.find(name)));
    for (const [i, name] of names.entries()) {
      const state = states[i];
      const message = state && deviceMessage(state, "resource");
      bytes += message ? toBinary(DeviceSchema, message).length : 0;
      if (bytes > pageBytes && devices.length > 0) return { devices, nextPageToken: last ?? "" };
      if (message) devices.push(message);
      last = name;
    }
    if (page.next === undefined) return { devices, nextPageToken: "" };
  }
  return { devices, nextPageToken: last ?? "" };
}
