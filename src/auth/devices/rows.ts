/**
 * The rows of device listings, kept ready in the store beside the documents: the bytes that the API sends for each device.
 * A listing of a large inventory then reads no document. The inventory writes a row with every document, in one step.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { formatKey, formatPrefix, parseKey } from "#backend/key.ts";
import type { Backend, Operation } from "#backend/port.ts";
import { isFault } from "#base/fault.ts";
import { DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  type ListDevicesResponse,
  ListDevicesResponseSchema,
} from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { Device } from "#resource/device.ts";
import type { Stores } from "../store/stores.ts";
import { listMessage } from "./views.ts";

const folder = ["devices", "rows"] as const;
const prefix = formatPrefix(...folder);
const rowKey = (id: string) => formatKey(...folder, id);

/** Says that every device has its row. */
const completeKey = formatKey("devices", "rows-complete");

/** Rows that are made at once. */
const atOnce = 256;

/** The writes that keep the row of a device in step with its document; undefined stands for "does not exist". */
export function rowOperation(id: string, after: Device | undefined): Operation {
  const key = rowKey(id);
  return after ? { type: "put", key, value: encodeRow(after) } : { type: "delete", key };
}

/** A page of the listing, in the order of the devices' ids. */
export async function listRows(
  backend: Pick<Backend, "range">,
  { limit, after }: { readonly limit: number; readonly after?: string },
): Promise<ListDevicesResponse> {
  const from = after === undefined ? undefined : rowKey(after);
  const page = await backend.range({ prefix }, { limit, after: from });
  const nextPageToken = page.next === undefined ? "" : (parseKey(page.next)[folder.length] ?? "");
  const response = create(ListDevicesResponseSchema, { nextPageToken });
  const { number: no } = ListDevicesResponseSchema.field.devices;
  // Bytes that a message carries without looking into them: they go out as what they are, devices.
  response.$unknown = page.items.map(({ value }) => ({
    no,
    wireType: WireType.LengthDelimited,
    data: value,
  }));
  return response;
}

/** Makes the rows of an inventory that is older than they are. */
export async function settleRows({
  backend,
  stores,
}: {
  readonly backend: Backend;
  readonly stores: Pick<Stores, "devices">;
}): Promise<void> {
  if (await backend.find(completeKey)) return;
  let pending: Promise<void>[] = [];
  for await (const device of stores.devices.each()) {
    pending.push(makeRow(backend, stores, device));
    if (pending.length < atOnce) continue;
    await Promise.all(pending);
    pending = [];
  }
  await Promise.all(pending);
  await backend.put(completeKey, new Uint8Array());
}

/** Somebody who changes or deletes the device meanwhile writes the row too. */
async function makeRow(
  backend: Backend,
  { devices }: Pick<Stores, "devices">,
  device: Device,
): Promise<void> {
  const { name, revision = "" } = device.metadata;
  try {
    await backend.atomic([
      { type: "check", key: devices.keyOf(name), if: { revision } },
      rowOperation(name, device),
    ]);
  } catch (error) {
    if (!isFault(error, "conflict")) throw error;
  }
}

/** The message with its length before it, as it stands in a page. */
function encodeRow(device: Device): Uint8Array {
  return new BinaryWriter().bytes(toBinary(DeviceSchema, listMessage(device))).finish();
}
