/** Many devices in one call: each succeeds or fails for itself, in the order of the request. */
import { statusOf } from "#api/grpc/status.ts";
import { Fault } from "#base/fault.ts";
import type { Device as DeviceMessage } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { createDevice, type WriteContext } from "./write.ts";

/** The most devices of one request. */
const maxDevices = 1000;

/** Devices that are written side by side: they share the syncs of the disk. */
const atOnce = 500;

/** The outcome for one device of a request. */
export interface DeviceOutcome {
  readonly status: { readonly code: number; readonly message?: string };
  readonly id?: string;
  readonly deleted?: boolean;
}

/** Registers devices; gives one outcome for each. */
export async function createDevices(
  parts: WriteContext,
  call: AuthCall,
  devices: readonly DeviceMessage[],
  asResource: boolean,
): Promise<DeviceOutcome[]> {
  return writeEach(parts, devices, async (device) => {
    const state = await createDevice(parts, call, device, asResource);
    return { id: state.device.metadata.name };
  });
}

/**
 * Writes the devices of a request, several side by side; those that name the same device one after the other, in their
 * order. Throws `limit` for too many.
 */
export async function writeEach(
  parts: Pick<WriteContext, "context">,
  devices: readonly DeviceMessage[],
  write: (device: DeviceMessage) => Promise<Omit<DeviceOutcome, "status">>,
): Promise<DeviceOutcome[]> {
  if (devices.length > maxDevices) {
    throw new Fault("limit", `a request may hold at most ${maxDevices} devices`);
  }
  const outcomes: DeviceOutcome[] = [];
  const latest = new Map<string, Promise<unknown>>();
  let next = 0;
  const worker = async () => {
    while (next < devices.length) {
      const index = next++;
      const device = devices[index] as DeviceMessage;
      const name = `${device.osType}:${device.assetTag}`;
      const before = latest.get(name) ?? Promise.resolve();
      const outcome = before.then(() => outcomeOf(parts, () => write(device)));
      latest.set(name, outcome);
      outcomes[index] = await outcome;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, devices.length) }, worker));
  return outcomes;
}

/** The outcome of one write; what it throws becomes its status. */
async function outcomeOf(
  { context }: Pick<WriteContext, "context">,
  write: () => Promise<Omit<DeviceOutcome, "status">>,
): Promise<DeviceOutcome> {
  try {
    return { status: { code: 0 }, ...(await write()) };
  } catch (error) {
    const { code, message } = statusOf(error, context.logger);
    return { status: { code, message } };
  }
}
