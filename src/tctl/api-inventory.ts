/** An inventory of an administrator's own, told to the auth service as an inventory service would. */
import { encodeDocument } from "#api/convert/document.ts";
import type { Client } from "#api/grpc/client.ts";
import { InventoryStream } from "#api/inventory-stream.ts";
import { DeviceOrigin, DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { InventoryOutcome, InventoryPlan } from "./auth-client.ts";

/** Devices between two words about the progress. */
const step = 500;

/** Carries out a plan. A run that breaks off removes nothing. */
export async function syncDevices(
  client: Pick<Client<typeof DeviceTrustService>, "syncInventory">,
  { source, devices, removeMissing, onProgress }: InventoryPlan,
): Promise<InventoryOutcome> {
  const stream = await InventoryStream.open(client, {
    source: { name: source, origin: DeviceOrigin.API },
    trackMissing: removeMissing,
    unenrollOnOwnerChange: false,
    signal: new AbortController().signal,
  });
  const refused: { assetTag: string; reason: string }[] = [];
  const removed: string[] = [];
  try {
    for (let at = 0; at < devices.length; at += step) {
      const some = devices.slice(at, at + step);
      const messages = some.map((device) => encodeDocument(DeviceSchema, device));
      for (const [index, { status }] of (await stream.upsert(messages)).entries()) {
        if ((status?.code ?? 0) === 0) continue;
        refused.push({ assetTag: some[index]?.asset_tag ?? "", reason: status?.message ?? "" });
      }
      onProgress(at + some.length);
    }
    await stream.finish(
      (missing) => Promise.resolve(missing),
      (chosen, outcomes) => {
        for (const [index, { deleted, status }] of outcomes.entries()) {
          const assetTag = chosen[index]?.assetTag ?? "";
          if (deleted) removed.push(assetTag);
          else refused.push({ assetTag, reason: status?.message ?? "" });
        }
      },
    );
    return { refused, removed };
  } catch (error) {
    stream.cancel();
    throw error;
  }
}
