/**
 * The client's side of SyncInventory (teleport.devicetrust.v1.DeviceTrustService): whoever keeps an inventory says what is
 * in it, and hears what the cluster still has of it. One message is under way at a time.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Fault } from "#base/fault.ts";
import type { Device, DeviceSchema, DeviceSource } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  type DeviceOrStatus,
  SyncInventoryDevicesSchema,
} from "#gen/teleport/devicetrust/v1/inventory_pb.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { Client } from "./grpc/client.ts";
import type { BidiCall } from "./grpc/service.ts";

/**
 * Request metadata of SyncInventory, our own addition: with the value `unenroll`, the `owner` of each device says to whom
 * the inventory has assigned it, and a device that was taken from its person is unenrolled.
 */
export const ownerChangeHeader = "gatehouse-on-owner-change";

/** A device as an inventory describes it. */
export type InventoryDevice = MessageInitShape<typeof DeviceSchema>;

/** How a run is opened. */
export interface InventoryRun {
  readonly source: Pick<DeviceSource, "name" | "origin">;
  /** True when everything of the source will be named, so that what is not named is missing. */
  readonly trackMissing: boolean;
  readonly unenrollOnOwnerChange: boolean;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

/** Most devices and bytes of one message; the server takes 1000 and 4 MiB. */
const batch = { devices: 500, bytes: 2 * 1024 * 1024 } as const;

type Call = Awaited<ReturnType<Client<typeof DeviceTrustService>["syncInventory"]>>;
type Answer = Call extends BidiCall<infer _, infer In> ? In : never;

/** A run that is open. Whoever opened it ends it with `finish` or `cancel`. */
export class InventoryStream {
  readonly #call: Call;

  private constructor(call: Call) {
    this.#call = call;
  }

  /** Opens a run. Throws what the server answers: `access-denied`, `invalid`, `unavailable`. */
  static async open(
    client: Pick<Client<typeof DeviceTrustService>, "syncInventory">,
    { source, trackMissing, unenrollOnOwnerChange, signal }: InventoryRun,
  ): Promise<InventoryStream> {
    const metadata = unenrollOnOwnerChange ? { [ownerChangeHeader]: "unenroll" } : {};
    const call = await client.syncInventory({ signal, metadata });
    const stream = new InventoryStream(call);
    const start = { source, trackMissingDevices: trackMissing };
    try {
      await call.send({ payload: { case: "start", value: start } });
      await stream.#receive("ack");
    } catch (error) {
      call.cancel();
      throw error;
    }
    return stream;
  }

  /** Adds or updates devices; one outcome each, in their order. No device at all keeps the run alive. */
  async upsert(devices: readonly InventoryDevice[]): Promise<DeviceOrStatus[]> {
    const outcomes: DeviceOrStatus[] = [];
    for (const value of batchesOf(devices)) {
      await this.#call.send({ payload: { case: "devicesToUpsert", value } });
      outcomes.push(...(await this.#outcomes(value.devices.length)));
    }
    return outcomes;
  }

  /**
   * Says that everything was named. Gives `choose` what is missing, some hundreds at a time, removes what it returns, and
   * gives `report` one outcome for each of those. Resolves when the server has closed the run.
   */
  async finish(
    choose: (missing: readonly Device[]) => Promise<readonly Device[]>,
    report: (chosen: readonly Device[], outcomes: readonly DeviceOrStatus[]) => void,
  ): Promise<void> {
    await this.#call.send({ payload: { case: "end", value: {} } });
    for (;;) {
      const answer = await this.#call.receive();
      if (answer === undefined) return;
      if (answer.payload.case !== "missingDevices") throw outOfOrder(answer);
      const chosen = await choose(answer.payload.value.devices);
      const devices = chosen.map(({ id, osType, assetTag }) => ({ id, osType, assetTag }));
      await this.#call.send({ payload: { case: "devicesToRemove", value: { devices } } });
      report(chosen, await this.#outcomes(devices.length));
    }
  }

  /** Ends the run at once; nothing that is missing is removed. */
  cancel(): void {
    this.#call.cancel();
  }

  async #outcomes(count: number): Promise<DeviceOrStatus[]> {
    const { devices } = (await this.#receive("result")).value;
    if (devices.length === count) return devices;
    throw new Fault("malformed", "the auth service answered another number of outcomes");
  }

  async #receive<C extends "ack" | "result">(
    wanted: C,
  ): Promise<Extract<Answer["payload"], { case: C }>> {
    const answer = await this.#call.receive();
    if (answer?.payload.case !== wanted) throw outOfOrder(answer);
    return answer.payload as Extract<Answer["payload"], { case: C }>;
  }
}

/** Runs of devices that fit into a message; one empty run for no device. */
function* batchesOf(devices: readonly InventoryDevice[]) {
  let value = create(SyncInventoryDevicesSchema);
  let bytes = 0;
  for (const device of devices) {
    const single = create(SyncInventoryDevicesSchema, { devices: [device] });
    const size = toBinary(SyncInventoryDevicesSchema, single).length;
    if (value.devices.length >= batch.devices || bytes + size > batch.bytes) {
      yield value;
      value = create(SyncInventoryDevicesSchema);
      bytes = 0;
    }
    value.devices.push(...single.devices);
    bytes += size;
  }
  if (value.devices.length > 0 || devices.length === 0) yield value;
}

function outOfOrder(answer: Answer | undefined): Fault {
  const what = answer === undefined ? "the end" : (answer.payload.case ?? "an empty message");
  return new Fault("malformed", `the auth service answered ${what} at the wrong point of the run`);
}
