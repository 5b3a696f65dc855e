/**
 * What an inventory service (MDM) does to the inventory: its devices are added or brought up to date, and taken out when
 * it no longer has them. Each device succeeds or fails for itself. Enrollments survive every update, except where the
 * service asks that a device which was given to another person be unenrolled.
 */
import { create } from "@bufbuild/protobuf";
import { decodeDevice, encodeDevice } from "#api/convert/device.ts";
import { Fault } from "#base/fault.ts";
import {
  DeviceEnrollStatus,
  type Device as DeviceMessage,
  DeviceOrigin,
  DeviceSchema,
  type DeviceSource,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device } from "#resource/device.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { type DeviceOutcome, writeEach } from "./bulk.ts";
import { newDevice, updateDevice } from "./changes.ts";
import { type DeviceState, emptyRecord, unenrolledRecord } from "./device-state.ts";
import {
  createDevice,
  deleteDevice,
  type ReasonedChange,
  type WriteContext,
  writeChange,
} from "./write.ts";

/** Devices in one message about missing ones. */
const missingPage = 500;

/** Characters of the name of a person to whom a device is assigned. */
const maxUser = 256;

/** How a run of a synchronisation goes. */
export interface SyncOptions {
  readonly source: DeviceSource | undefined;
  /**
   * The `owner` of each device says to whom it is assigned, empty for nobody, and a device that was taken from the person
   * who had it is unenrolled. Otherwise what is sent as `owner` says nothing.
   */
  readonly unenrollOnOwnerChange: boolean;
}

/** One run of a synchronisation. */
export class InventorySync {
  readonly #parts: WriteContext;
  readonly #call: AuthCall;
  readonly #source: DeviceSource;
  readonly #followsOwners: boolean;
  /** Ids of the stored devices that the run has named, whether or not writing them succeeded. */
  readonly #seen = new Set<string>();

  /** Throws `invalid` for a source without a name or an origin. */
  constructor(parts: WriteContext, call: AuthCall, { source, unenrollOnOwnerChange }: SyncOptions) {
    if (!source?.name || source.origin === DeviceOrigin.UNSPECIFIED) {
      throw new Fault("invalid", "a synchronisation needs a source with a name and an origin");
    }
    this.#parts = parts;
    this.#call = call;
    this.#source = source;
    this.#followsOwners = unenrollOnOwnerChange;
  }

  /** Adds devices, or replaces their profiles; the source of the run becomes theirs. */
  upsert(devices: readonly DeviceMessage[]): Promise<DeviceOutcome[]> {
    return writeEach(this.#parts, devices, async (device) => {
      const { metadata } = (await this.#upsertOne(device)).device;
      this.#seen.add(metadata.name);
      return { id: metadata.name };
    });
  }

  /** Takes devices out, named by id or by system and asset tag. Those of another source stay. */
  remove(devices: readonly DeviceMessage[]): Promise<DeviceOutcome[]> {
    return writeEach(this.#parts, devices, async (device) => {
      const { device: stored } = await this.#getTarget(device);
      if (!this.#owns(stored)) {
        throw new Fault("conflict", "the device belongs to another source");
      }
      await deleteDevice(this.#parts, this.#call, stored.metadata.name);
      return { id: stored.metadata.name, deleted: true };
    });
  }

  /** The devices of the source that this run did not name, a few hundred at a time. */
  async *listMissing(): AsyncGenerator<DeviceMessage[]> {
    let page: DeviceMessage[] = [];
    for await (const device of this.#parts.context.stores.devices.each()) {
      if (!this.#owns(device) || this.#seen.has(device.metadata.name)) continue;
      page.push(missingMessage(device));
      if (page.length < missingPage) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async #upsertOne(given: DeviceMessage): Promise<DeviceState> {
    const assignedUser = this.#followsOwners ? readUser(given.owner) : undefined;
    const device = create(DeviceSchema, { ...given, source: this.#source, owner: "" });
    const known = await this.#findNamed(device);
    // Also what cannot be written was named: a device that the service has is never missing.
    if (known) this.#seen.add(known.device.metadata.name);
    if (known === undefined) {
      const record = assignedUser === undefined ? emptyRecord : { ...emptyRecord, assignedUser };
      return createDevice(this.#parts, this.#call, device, false, record);
    }
    const sameUser = assignedUser === undefined || assignedUser === known.record.assignedUser;
    if (sameUser && saysTheSame(known.device, device)) return known;
    return writeChange(this.#parts, this.#call, known.device.metadata.name, (before) =>
      this.#changeOf(before, device, assignedUser),
    );
  }

  /** The stored device after what the service says of it. */
  #changeOf(
    state: DeviceState,
    given: DeviceMessage,
    assignedUser: string | undefined,
  ): ReasonedChange {
    const { device: before, record } = state;
    const last = record.assignedUser;
    const taken = assignedUser !== undefined && !!last && last !== assignedUser;
    const unenroll = taken && before.spec.enroll_status === "enrolled";
    const message = create(DeviceSchema, {
      ...given,
      ...(unenroll ? { enrollStatus: DeviceEnrollStatus.NOT_ENROLLED } : {}),
    });
    const mask = ["source", "profile", ...(unenroll ? ["enroll_status"] : [])];
    const { clock } = this.#parts.context;
    const device = updateDevice(before, message, mask, { now: clock.now() });
    const kept = device.spec.credential ? record : unenrolledRecord(state);
    return {
      device,
      record: assignedUser === undefined ? kept : { ...kept, assignedUser },
      reason: unenroll
        ? `${this.#source.name} has assigned the device to ${assignedUser || "nobody"}, it was ${last}'s`
        : undefined,
    };
  }

  async #findNamed({ osType, assetTag }: DeviceMessage): Promise<DeviceState | undefined> {
    const { os_type } = decodeDevice(create(DeviceSchema, { osType }))["spec"] as Partial<
      Device["spec"]
    >;
    if (os_type === undefined || assetTag === "" || assetTag.length > maxUser) return undefined;
    return this.#parts.inventory.findByTag(os_type, assetTag);
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
    return source?.name === this.#source.name && originOf(source) === this.#source.origin;
  }
}

const origins: ReadonlyMap<string, DeviceOrigin> = new Map([
  ["api", DeviceOrigin.API],
  ["jamf", DeviceOrigin.JAMF],
  ["intune", DeviceOrigin.INTUNE],
]);

function originOf(source: Device["spec"]["source"]): DeviceOrigin | undefined {
  return origins.get(source?.origin ?? "");
}

/** Names and addresses of people compare without regard to case. */
function readUser(owner: string): string {
  const user = owner.trim().toLowerCase();
  if (user.length <= maxUser && user.isWellFormed() && !/\p{Cc}/u.test(user)) return user;
  throw new Fault("invalid", `the owner of a device has at most ${maxUser} printable characters`);
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
