/** Many devices in one call: each succeeds or fails for itself, in the order of the request. */
import { statusOf } from "#api/grpc/status.ts";
import { Fault } from "#base/fault.ts";
import type { Device as DeviceMessage } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { createDevice, type WriteContext } from "./write.ts";

/** The most devices of one request. */
const maxDevices = 1000;

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
  assertBatch(devices);
  const outcomes: DeviceOutcome[] = [];
  for (const device of devices) {
    outcomes.push(
      await outcomeOf(parts, async () => {
        const state = await createDevice(parts, call, device, asResource);
        return { id: state.device.metadata.name };
      }),
    );
  }
  return outcomes;
}

/** Throws `limit` for a request that holds too many devices. */
export function assertBatch(devices: readonly unknown[]): void {
  if (devices.length <= maxDevices) return;
  throw new Fault("limit", `a request may hold at most ${maxDevices} devices`);
}

/** The outcome of one write; what it throws becomes its status. */
export async function outcomeOf(
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
