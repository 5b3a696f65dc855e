/**
 * SyncInventory of teleport.devicetrust.v1.DeviceTrustService: start, then batches with a result each, then the end, after
 * which the server names what is missing and the client says what of it goes.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BidiStream, Handler } from "#api/grpc/service.ts";
import { ownerChangeHeader } from "#api/inventory-stream.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type {
  SyncInventoryRequest,
  SyncInventoryResponseSchema,
} from "#gen/teleport/devicetrust/v1/inventory_pb.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { AuthContext } from "../context.ts";
import type { DeviceOutcome } from "../devices/bulk.ts";
import { InventorySync } from "../devices/sync.ts";
import type { WriteContext } from "../devices/write.ts";
import { receiveWithin } from "./device-ceremonies.ts";
import { type AuthCall, authorize, requireIdentity } from "./guard.ts";

type Stream = BidiStream<
  SyncInventoryRequest,
  MessageInitShape<typeof SyncInventoryResponseSchema>
>;

/** The longest silence of a client between two messages. */
const idleMs = 5 * 60_000;

/** The handler of SyncInventory. */
export function syncInventoryHandler(
  parts: WriteContext,
): Handler<(typeof DeviceTrustService)["method"]["syncInventory"], Peer> {
  return async (stream, call) => {
    await authorizeSync(parts.context, call);
    const first = await receiveWithin(stream, idleMs);
    if (first.payload.case !== "start") throw outOfOrder();
    const { source, trackMissingDevices } = first.payload.value;
    const unenrollOnOwnerChange = call.metadata[ownerChangeHeader] === "unenroll";
    const sync = new InventorySync(parts, call, { source, unenrollOnOwnerChange });
    await stream.send({ payload: { case: "ack", value: {} } });
    while (await takeBatch(stream, sync));
    if (!trackMissingDevices) return;
    for await (const devices of sync.listMissing()) {
      await stream.send({ payload: { case: "missingDevices", value: { devices } } });
      const { payload } = await receiveWithin(stream, idleMs);
      if (payload.case !== "devicesToRemove") throw outOfOrder();
      await sendResult(stream, await sync.remove(payload.value.devices));
    }
  };
}

/** Serves one batch; false at the end. */
async function takeBatch(stream: Stream, sync: InventorySync): Promise<boolean> {
  const { payload } = await receiveWithin(stream, idleMs);
  switch (payload.case) {
    case "devicesToUpsert":
      await sendResult(stream, await sync.upsert(payload.value.devices));
      return true;
    case "devicesToRemove":
      await sendResult(stream, await sync.remove(payload.value.devices));
      return true;
    case "end":
      return false;
    default:
      throw outOfOrder();
  }
}

function sendResult(stream: Stream, devices: DeviceOutcome[]): Promise<void> {
  return stream.send({ payload: { case: "result", value: { devices } } });
}

/** An inventory service of the cluster, or a person who may do all of it by hand. */
async function authorizeSync(context: AuthContext, call: AuthCall): Promise<void> {
  const identity = requireIdentity(call);
  if (identity.kind === "system" && identity.systemRoles.includes("MDM")) return;
  await authorize(context, call, "device", "create", "update", "delete");
}

function outOfOrder(): Fault {
  return new Fault("invalid", "this message has no place at this point of a synchronisation");
}
