/** Resolves the flags and words that name one device. */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import type { Device, OsType } from "#resource/device.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Services } from "./services.ts";

/** The flags by which commands name a device. */
export interface DeviceFlags {
  readonly deviceId: string | undefined;
  readonly assetTag: string | undefined;
  readonly currentDevice: boolean;
}

/** What the flags name. */
export interface DeviceTarget {
  readonly by: "id" | "tag";
  readonly value: string;
  /** Operating system of the device, when it is this machine. */
  readonly osType?: OsType;
}

/** Reads the flags, and this machine for `--current-device`, which overrides the others. Throws `usage`. */
export async function readDeviceFlags(
  flags: DeviceFlags,
  services: Services,
  console: Console,
): Promise<DeviceTarget> {
  if (flags.currentDevice) {
    const { assetTag, osType } = await services.currentDevice(console);
    return { by: "tag", value: assetTag, osType };
  }
  const { deviceId, assetTag } = flags;
  if (deviceId !== undefined && assetTag !== undefined) {
    throw new Fault("usage", "only one of --device-id or --asset-tag must be set");
  }
  if (deviceId !== undefined) return { by: "id", value: deviceId };
  if (assetTag !== undefined) return { by: "tag", value: assetTag };
  throw new Fault("usage", "either --device-id or --asset-tag must be set", {
    hint: "see the devices: tctl devices ls",
  });
}

/** The one device that the flags name. */
export async function resolveDevice(auth: AuthClient, target: DeviceTarget): Promise<Device> {
  const found = (await auth.findDevices(target.value)).filter(
    ({ metadata, spec }) =>
      (target.by === "id" ? metadata.name : spec.asset_tag) === target.value &&
      (target.osType === undefined || spec.os_type === target.osType),
  );
  return onlyOne(found, target.value);
}

/** The one device whose id or asset tag is `text`. An id wins over a tag of the same text. */
export async function findDevice(auth: AuthClient, text: string): Promise<Device> {
  const found = await auth.findDevices(text);
  return found.find(({ metadata }) => metadata.name === text) ?? onlyOne(found, text);
}

function onlyOne(found: readonly Device[], text: string): Device {
  const [device, other] = found;
  if (device === undefined) {
    throw new Fault("not-found", `device "${text}" not found`, {
      hint: "see the devices: tctl devices ls",
    });
  }
  if (other !== undefined) {
    throw new Fault(
      "invalid",
      `found multiple devices for asset tag "${text}", please retry using the device ID instead`,
      { hint: `the ids: ${found.map(({ metadata }) => metadata.name).join(", ")}` },
    );
  }
  return device;
}
