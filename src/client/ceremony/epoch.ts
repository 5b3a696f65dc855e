/** The epoch of this device (`#devicetrust/epoch.ts`) in a ceremony, as our own server asks for it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DeviceEpochOffer, DeviceEpochSchema } from "#gen/gatehouse/v1/device_epoch_pb.ts";
import type { DeviceAuthenticator } from "../device/authenticator.ts";

/**
 * Runs `rest`, the answer to a challenge and what comes of it, with the epoch that the challenge asks for. A server that
 * knows nothing of epochs asks for none; then there is none in the answer.
 */
export async function showEpoch<T>(
  { epochs }: Pick<DeviceAuthenticator, "epochs">,
  asked: DeviceEpochOffer | undefined,
  rest: (
    epoch: MessageInitShape<typeof DeviceEpochSchema> | undefined,
  ) => Promise<{ readonly value: T; readonly given: DeviceEpochOffer | undefined }>,
): Promise<T> {
  if (epochs === undefined || asked === undefined) return (await rest(undefined)).value;
  return epochs.withEpoch(asked.series, async ({ current, next, receipt }) => {
    const { value, given } = await rest({
      next,
      ...(current ? { current } : {}),
      ...(receipt ? { receipt } : {}),
    });
    return { value, receipt: given?.receipt ?? new Uint8Array(0) };
  });
}
