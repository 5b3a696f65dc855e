/**
 * What an inventory service (MDM) does to the inventory: its devices are added or brought up to date, and taken out when
 * it no longer has them. Each device succeeds or fails for itself. Enrolments survive every update.
 */
import { create } from "@bufbuild/protobuf";
import { decodeDevice, encodeDevice } from "#api/convert/device.ts";
import { Fault } from "#base/fault.ts";
import {
  type Device as DeviceMessage,
  DeviceOrigin,
  DeviceSchema,
  type DeviceSource,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device } from "#resource/device.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { assertBatch, type DeviceOutcome, outcomeOf } from "./bulk.ts";
import { newDevice } from "./changes.ts";
import type { DeviceState } from "./device-state.ts";
import { changeDevice, createDevice, deleteDevice, type WriteContext } from "./write.ts";

/** Devices in one message about missing ones. */
const missingPage = 500;

/** One run of a synchronisation. */
export class InventorySync {
  readonly #parts: WriteContext;
  readonly #call: AuthCall;
  readonly #source: DeviceSource;
  readonly #seen = new Set<string>();

  /** Throws `invalid` for a source without a name or an origin. */
  constructor(parts: WriteContext, call: AuthCall, source: DeviceSource | undefined) {
    if (!source?.name || source.origin === DeviceOrigin.UNSPECIFIED) {
      throw new Fault("invalid", "a synchronisation needs a source with a name and an origin");
    }
    this.#parts = parts;
    this.#call = call;
    this.#source = source;
  }

  /** Adds devices, or replaces their profiles; the source of the run becomes theirs. */
  async upsert(devices: readonly DeviceMessage[]): Promise<DeviceOutcome[]> {
    assertBatch(devices);
    const outcomes: DeviceOutcome[] = [];
    for (const device of devices) {
      outcomes.push(
        await outcomeOf(this.#parts, async () => {
          const { metadata } = (await this.#upsertOne(device)).device;
          this.#seen.add(metadata.name);
          return { id: metadata.name };
        }),
      );
    }
    return outcomes;
  }

  /** Takes devices out, named by id or by system and asset tag. Those of another source stay. */
  async remove(devices: readonly DeviceMessage[]): Promise<DeviceOutcome[]> {
    assertBatch(devices);
    const outcomes: DeviceOutcome[] = [];
    for (const device of devices) {
      outcomes.push(
        await outcomeOf(this.#parts, async () => {
          const { device: stored } = await this.#getTarget(device);
          if (!this.#owns(stored)) {
            throw new Fault("conflict", "the device belongs to another source");
          }
          await deleteDevice(this.#parts, this.#call, stored.metadata.name);
          return { id: stored.metadata.name, deleted: true };
        }),
      );
    }
    return outcomes;
  }

  /** The devices of the source that were not among those of this run, a few hundred at a time. */
  async *listMissing(): AsyncGenerator<DeviceMessage[]> {
    const { devices } = this.#parts.context.stores;
    const missing = (await devices.all()).filter(
      (device) => this.#owns(device) && !this.#seen.has(device.metadata.name),
    );
    for (let at = 0; at < missing.length; at += missingPage) {
      yield missing.slice(at, at + missingPage).map(missingMessage);
    }
  }

  async #upsertOne(given: DeviceMessage): Promise<DeviceState> {
    const { clock, random } = this.#parts.context;
    const device = create(DeviceSchema, { ...given, source: this.#source, owner: "" });
    const { spec } = newDevice(device, false, { now: clock.now(), random });
    const known = await this.#parts.inventory.findByTag(spec.os_type, spec.asset_tag);
    if (known === undefined) return createDevice(this.#parts, this.#call, device, false);
    if (saysTheSame(known.device, device)) return known;
    const { name } = known.device.metadata;
    return changeDevice(this.#parts, this.#call, name, device, ["source", "profile"]);
  }

  async #getTarget(given: DeviceMessage): Promise<DeviceState> {
    if (given.id !== "") return this.#parts.inventory.get(given.id);
    const { clock, random } = this.#parts.context;
    const { spec } = newDevice(given, false, { now: clock.now(), random });
    const found = await this.#parts.inventory.findByTag(spec.os_type, spec.asset_tag);
    if (found) return found;
    throw new Fault("not-found", `device "${spec.asset_tag}" not found`);
  }

  #owns({ spec: { source } }: Device): boolean {
    const { source: ours } = decodeDevice(create(DeviceSchema, { source: this.#source }))[
      "spec"
    ] as { source: { name: string; origin: string } };
    return source?.name === ours.name && source.origin === ours.origin;
  }
}

/** True when writing would only move times: a full synchronisation of an unchanged fleet writes nothing. */
function saysTheSame(stored: Device, given: DeviceMessage): boolean {
  const relevant = (message: DeviceMessage) => {
    const { source, profile } = decodeDevice(message)["spec"] as {
      source?: object;
      profile?: { update_time?: string };
    };
    const { update_time: _, ...rest } = profile ?? {};
    return JSON.stringify([source, rest]);
  };
  return relevant(encodeDevice(stored)) === relevant(given);
}

function missingMessage(device: Device): DeviceMessage {
  const { id, osType, assetTag, profile } = encodeDevice(device);
  const externalId = profile?.externalId ?? "";
  return create(DeviceSchema, { id, osType, assetTag, profile: { externalId } });
}
