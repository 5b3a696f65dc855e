/** How devices are shown: in full, or as a row of a list. */
import { encodeDevice } from "#api/convert/device.ts";
import type { Device as DeviceMessage } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device } from "#resource/device.ts";
import type { DeviceChange } from "./device-state.ts";

/** `resource` is everything; `list` leaves out keys, profile and collected data. */
export type DeviceView = "list" | "resource";

/** The message of a device. */
export function deviceMessage({ device, record }: DeviceChange, view: DeviceView): DeviceMessage {
  if (view === "list") return listMessage(device);
  const { enrolled, recent } = record;
  const collected = [...(enrolled ? [enrolled] : []), ...recent];
  return encodeDevice(
    collected.length === 0
      ? device
      : { ...device, spec: { ...device.spec, collected_data: collected } },
  );
}

/** The row of a list. */
export function listMessage(device: Device): DeviceMessage {
  const { os_type, asset_tag, create_time, update_time, enroll_status, owner, source } =
    device.spec;
  const spec = { os_type, asset_tag, create_time, update_time, enroll_status, owner, source };
  return encodeDevice({ ...device, spec });
}
