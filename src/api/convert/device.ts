/**
 * Devices: the message of `teleport.devicetrust.v1` is flat, the document has the head that all resources have. A
 * document's labels, description, expiry and revision have no place in the message.
 */
import { type Device, DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device as DeviceDocument } from "#resource/device.ts";
import { decodeDocument, encodeDocument, type Plain } from "./document.ts";

/**
 * The plain document of a device. A token that came with the device is not part of it, nor is the evidence of its TPM:
 * hundreds of lines for verifiers among those for people. Whoever writes the document back loses none of it, because
 * the server keeps what a device reported and takes it from no document.
 */
export function decodeDevice(device: Device): { [key: string]: Plain } {
  const {
    api_version,
    id,
    enroll_token: _,
    ...spec
  } = decodeDocument(DeviceSchema, {
    ...device,
    collectedData: device.collectedData.map(({ tpmPlatformAttestation: __, ...data }) => data),
  });
  return {
    kind: "device",
    version: api_version ?? "v1",
    metadata: { name: id ?? "" },
    spec: { enroll_status: "unspecified", ...spec },
  };
}

/** The message of a device document. */
export function encodeDevice(document: DeviceDocument): Device {
  const device = encodeDocument(DeviceSchema, document.spec);
  device.apiVersion = document.version;
  device.id = document.metadata.name;
  return device;
}
