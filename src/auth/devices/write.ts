/**
 * Writes to the inventory that people ask for, each with its audit event before it. Permissions have been checked by the
 * caller.
 */
import { deviceEventActorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { Device as DeviceMessage } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device, OsType } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import { type AuthCall, requireIdentity } from "../grpc/guard.ts";
import { newDevice, updateDevice } from "./changes.ts";
import {
  type DeviceChange,
  type DeviceRecord,
  type DeviceState,
  unenrolledRecord,
} from "./device-state.ts";
import { callerFields, deviceFields } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";
import type { EnrollTokens } from "./tokens.ts";

/** What writes work with. */
export interface WriteContext {
  readonly context: AuthContext;
  readonly inventory: DeviceInventory;
  readonly tokens: EnrollTokens;
}

/** Registers a device. With `asResource` it takes over what a backup says; see {@link newDevice}. */
export async function createDevice(
  { context, inventory }: WriteContext,
  call: AuthCall,
  message: DeviceMessage | undefined,
  asResource: boolean,
  record?: DeviceRecord,
): Promise<DeviceState> {
  const { clock, random } = context;
  const device = newDevice(given(message), asResource, { now: clock.now(), random });
  const announce = (created: Device) =>
    context.audit.record("device.create", {
      ...callerFields(call),
      device: deviceFields(created),
    });
  return inventory.create(device, nameOf(call), announce, record);
}

/** Changes a device; `mask` as in {@link updateDevice}. An unenrolled device keeps no trace of its key. */
export function changeDevice(
  parts: WriteContext,
  call: AuthCall,
  id: string,
  message: DeviceMessage,
  mask: readonly string[] | undefined,
): Promise<DeviceState> {
  const now = parts.context.clock.now();
  return writeChange(parts, call, id, (before) => {
    const device = updateDevice(before.device, message, mask, { now });
    return { device, record: device.spec.credential ? before.record : unenrolledRecord(before) };
  });
}

/** A change with, where it unenrols the device, the reason why. */
export interface ReasonedChange extends DeviceChange {
  readonly reason?: string | undefined;
}

/** Writes a change, its audit event before it. `change` runs again when somebody else was faster. */
export function writeChange(
  { context, inventory }: WriteContext,
  call: AuthCall,
  id: string,
  change: (before: DeviceState) => ReasonedChange,
): Promise<DeviceState> {
  let old: string | undefined;
  let reason: string | undefined;
  return inventory.modify(
    id,
    nameOf(call),
    (before) => {
      const { reason: why, ...after } = change(before);
      old = before.device.spec.credential?.id;
      reason = why;
      return after;
    },
    (device) =>
      context.audit.record("device.update", {
        ...callerFields(call),
        // After an unenrollment the event is the only place that still knows the key.
        device: deviceFields(device, old),
        ...(old !== undefined && !device.spec.credential
          ? { message: reason === undefined ? "unenrolled" : `unenrolled: ${reason}` }
          : {}),
      }),
  );
}

/** Changes the device that the message names by its id. */
export function updateById(
  parts: WriteContext,
  call: AuthCall,
  message: DeviceMessage | undefined,
  mask: readonly string[] | undefined,
): Promise<DeviceState> {
  const device = given(message);
  if (device.id === "") throw new Fault("invalid", "missing device id");
  return changeDevice(parts, call, device.id, device, mask);
}

/** Registers the device, or changes the one that has its id or, without an id, its system and asset tag. */
export async function upsertDevice(
  parts: WriteContext,
  call: AuthCall,
  message: DeviceMessage | undefined,
  asResource: boolean,
): Promise<DeviceState> {
  const device = given(message);
  const known = await findTarget(parts, device, asResource);
  if (known === undefined) return createDevice(parts, call, device, asResource);
  // Whoever does not write a whole resource knows nothing of what the server keeps.
  const mask = asResource ? undefined : presentFields(device);
  return changeDevice(parts, call, known.device.metadata.name, device, mask);
}

/** Deletes a device, its tokens, and with them every way to use its key. */
export async function deleteDevice(
  { context, inventory, tokens }: WriteContext,
  call: AuthCall,
  id: string,
): Promise<void> {
  if (id === "") throw new Fault("invalid", "missing device id");
  await inventory.delete(id, nameOf(call), (device) =>
    context.audit.record("device.delete", {
      ...callerFields(call),
      device: deviceFields(device),
    }),
  );
  await tokens.revokeAll(id);
}

async function findTarget(
  { context, inventory }: WriteContext,
  message: DeviceMessage,
  asResource: boolean,
): Promise<DeviceState | undefined> {
  if (asResource && message.id !== "") {
    const byId = await inventory.find(message.id);
    if (byId) return byId;
  }
  const { clock, random } = context;
  const probe = newDevice(message, false, { now: clock.now(), random });
  const { os_type, asset_tag } = probe.spec as { os_type: OsType; asset_tag: string };
  const byTag = await inventory.findByTag(os_type, asset_tag);
  if (byTag && asResource && message.id !== "") throw otherId(byTag.device);
  return byTag;
}

function presentFields(message: DeviceMessage): string[] {
  return [
    ...(message.source ? ["source"] : []),
    ...(message.profile ? ["profile"] : []),
    ...(message.owner === "" ? [] : ["owner"]),
  ];
}

function otherId({ metadata: { name }, spec: { asset_tag, os_type } }: Device): Fault {
  return new Fault("already-exists", `device "${asset_tag}" (${os_type}) has the id ${name}`, {
    hint: "leave metadata.name out, or use that id",
  });
}

function given(message: DeviceMessage | undefined): DeviceMessage {
  if (message === undefined) throw new Fault("invalid", "device is nil");
  return message;
}

function nameOf(call: AuthCall): string {
  return deviceEventActorOf(requireIdentity(call)).user;
}
