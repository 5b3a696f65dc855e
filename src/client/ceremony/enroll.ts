/**
 * EnrollDevice from the client's side, and the calls around it that `tsh device enroll --current-device` makes: find the
 * device in the inventory, register it if it is not there, get a token, enrol.
 */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { CollectedData, EnrollResponse, OsType } from "#devicetrust/messages.ts";
import type { Device } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { DeviceAuthenticator, EnrollCredential } from "../device/authenticator.ts";
import { noSerialNumber } from "../device/serial-number.ts";
import { showEpoch } from "./epoch.ts";
import {
  collectedDataMessage,
  credentialMessage,
  enrollChallenge,
  osTypeNumber,
  platformMessage,
} from "./messages.ts";

/** A token to enrol with, and whether the device was registered to get it. */
export interface EnrollPermission {
  readonly token: string;
  readonly registered: boolean;
}

/** Finds or registers this device and gets a token. Refusals name what is missing and who can help. */
export async function obtainEnrollToken(
  auth: GrpcClient,
  data: CollectedData,
): Promise<EnrollPermission> {
  const { osType, serialNumber } = data;
  if (osType === undefined || serialNumber === "") throw noSerialNumber();
  const service = createClient(DeviceTrustService, auth);
  const { devices } = await permitted("list devices", () =>
    service.findDevices({ idOrTag: serialNumber }),
  );
  const known = devices.find((device) => device.osType === osTypeNumber(osType));
  if (known === undefined) {
    const created = await permitted("register devices", () =>
      service.createDevice({
        device: { apiVersion: "v1", osType: osTypeNumber(osType), assetTag: serialNumber },
        createEnrollToken: true,
      }),
    );
    const token = created.enrollToken?.token || (await createToken(auth, created));
    return { token, registered: true };
  }
  return { token: await createToken(auth, known), registered: false };
}

/**
 * Enrols this device with a token. Where the cluster does not take the key of an earlier enrollment any more, with a new
 * one. Throws what the cluster, or the device's hardware, refused with.
 */
export async function runEnrollment(
  auth: GrpcClient,
  device: DeviceAuthenticator,
  data: CollectedData,
  token: string,
): Promise<{ assetTag: string; osType: OsType }> {
  const attempt: EnrollAttempt = { auth, device, data, token };
  return (
    (await enrollKey(attempt, await device.enrollInit())) ??
    (await enrollKey(attempt, await device.enrollInit({ fresh: true }))) ??
    keyRefusedTwice()
  );
}

interface EnrollAttempt {
  readonly auth: GrpcClient;
  readonly device: DeviceAuthenticator;
  readonly data: CollectedData;
  readonly token: string;
}

/** One ceremony; undefined when the cluster wants another key, for which the token is still good. */
async function enrollKey(
  { auth, device, data, token }: EnrollAttempt,
  credential: EnrollCredential,
): Promise<{ assetTag: string; osType: OsType } | undefined> {
  const call = await createClient(DeviceTrustService, auth).enrollDevice();
  try {
    await call.send({
      payload: {
        case: "init",
        value: {
          token,
          ...credentialMessage(credential),
          deviceData: collectedDataMessage(data),
        },
      },
    });
    const challenge = await call.receive().catch((error: unknown) => {
      // Before its challenge a cluster finds nothing in conflict but the key.
      if (isFault(error, "conflict")) return "other key" as const;
      throw error;
    });
    if (challenge === "other key") return undefined;
    if (challenge === undefined) throw incomplete();
    const payload = responseMessage(await device.solveEnroll(enrollChallenge(challenge)));
    const enrolled = await showEpoch(device, challenge.gatehouseEpoch, async (gatehouseEpoch) => {
      await call.send({ payload, ...(gatehouseEpoch ? { gatehouseEpoch } : {}) });
      call.finishSending();
      const result = await call.receive();
      if (result?.payload.case !== "success") throw incomplete();
      return { value: result.payload.value.device, given: result.gatehouseEpoch };
    });
    return {
      assetTag: enrolled?.assetTag || data.serialNumber,
      osType: data.osType ?? device.osType,
    };
  } finally {
    call.cancel();
  }
}

function keyRefusedTwice(): never {
  throw new Fault("conflict", "the cluster takes no key of this device", {
    hint: "ask your cluster administrator: the audit log names the check that failed",
  });
}

function responseMessage(solved: EnrollResponse) {
  return solved.kind === "tpm"
    ? {
        case: "tpmChallengeResponse" as const,
        value: {
          solution: solved.solution,
          platformParameters: platformMessage(solved.platformParameters),
        },
      }
    : { case: "macosChallengeResponse" as const, value: { signature: solved.signature } };
}

async function createToken(auth: GrpcClient, device: Device): Promise<string> {
  const { token } = await permitted("create device enrollment tokens", () =>
    createClient(DeviceTrustService, auth).createDeviceEnrollToken({ deviceId: device.id }),
  );
  if (token === "") throw new Fault("malformed", "the cluster gave no enrollment token");
  return token;
}

/** A denial in the words that people know, with what the administrator has to type. */
async function permitted<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isFault(error, "unimplemented")) {
      throw new Fault("unimplemented", "device trust not supported by remote cluster", {
        cause: error,
      });
    }
    if (!isFault(error, "access-denied")) throw error;
    throw new Fault(
      "access-denied",
      `User does not have permissions to ${what}. Contact your cluster device administrator.`,
      {
        hint: [
          "an administrator can give you a token with: " +
            "tctl devices enroll --asset-tag=TAG; then: tsh device enroll --token=TOKEN",
          ...(error.hint === undefined ? [] : [error.hint]),
        ].join("\n"),
        cause: error,
      },
    );
  }
}

function incomplete(): Fault {
  return new Fault("malformed", "the cluster ended the enrollment without a result");
}
