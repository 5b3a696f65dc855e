/**
 * The device's messages as the generated types of package teleport.devicetrust.v1 want them. Only the client's
 * direction: what we send, and the challenges that we read.
 */
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Fault } from "#base/fault.ts";
import type {
  AuthenticateChallenge,
  CollectedData,
  EnrollChallenge,
  OsType,
  PlatformParameters,
} from "#devicetrust/messages.ts";
import type { AuthenticateDeviceResponse } from "#gen/teleport/devicetrust/v1/authenticate_pb.ts";
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { EnrollDeviceResponse } from "#gen/teleport/devicetrust/v1/enroll_pb.ts";
import type { EnrollCredential } from "../device/authenticator.ts";

const osTypes: Readonly<Record<OsType, OSType>> = {
  linux: OSType.OS_TYPE_LINUX,
  macos: OSType.OS_TYPE_MACOS,
  windows: OSType.OS_TYPE_WINDOWS,
  ios: OSType.OS_TYPE_IOS,
  ipados: OSType.OS_TYPE_IPADOS,
};

/** The number of an operating system on the wire. */
export function osTypeNumber(os: OsType): OSType {
  return osTypes[os];
}

/** Collected data; what only the server may set stays behind. */
export function collectedDataMessage(data: CollectedData) {
  const { collectTime, recordTime: _, osType, tpmPlatformAttestation: __, ...texts } = data;
  return {
    ...texts,
    osType: osType === undefined ? OSType.OS_TYPE_UNSPECIFIED : osTypes[osType],
    ...(collectTime === undefined ? {} : { collectTime: timestampFromDate(collectTime) }),
  };
}

/** The part of an enrollment's first message that describes the key. */
export function credentialMessage(credential: EnrollCredential) {
  const { credentialId, macos, tpm } = credential;
  return {
    credentialId,
    ...(macos === undefined ? {} : { macos }),
    ...(tpm === undefined ? {} : { tpm: tpmPayload(tpm) }),
  };
}

function tpmPayload({
  ekCert,
  ekKey,
  attestationParameters,
}: NonNullable<EnrollCredential["tpm"]>) {
  return {
    ...(ekCert !== undefined ? { ek: { case: "ekCert" as const, value: ekCert } } : {}),
    ...(ekCert === undefined && ekKey !== undefined
      ? { ek: { case: "ekKey" as const, value: ekKey } }
      : {}),
    ...(attestationParameters === undefined ? {} : { attestationParameters }),
  };
}

/** The TPM's answer about the platform. */
export function platformMessage(platform: PlatformParameters | undefined) {
  if (platform === undefined) throw new Fault("internal", "the TPM gave no quote");
  return {
    quotes: [...platform.quotes],
    pcrs: [...platform.pcrs],
    eventLog: platform.eventLog,
  };
}

/** The challenge in an enrollment's answer. Throws `malformed` for anything else. */
export function enrollChallenge({ payload }: EnrollDeviceResponse): EnrollChallenge {
  if (payload.case === "macosChallenge") {
    return { kind: "key", challenge: notEmpty(payload.value.challenge) };
  }
  if (payload.case === "tpmChallenge" && payload.value.encryptedCredential !== undefined) {
    const { encryptedCredential, attestationNonce } = payload.value;
    return {
      kind: "tpm",
      encryptedCredential: {
        credentialBlob: encryptedCredential.credentialBlob,
        secret: encryptedCredential.secret,
      },
      attestationNonce: notEmpty(attestationNonce),
    };
  }
  throw noChallenge();
}

/** The challenge in an authentication's answer. Throws `malformed` for anything else. */
export function authenticateChallenge({
  payload,
}: AuthenticateDeviceResponse): AuthenticateChallenge {
  if (payload.case === "challenge") {
    return { kind: "key", challenge: notEmpty(payload.value.challenge) };
  }
  if (payload.case === "tpmChallenge") {
    return { kind: "tpm", attestationNonce: notEmpty(payload.value.attestationNonce) };
  }
  throw noChallenge();
}

/** An empty nonce would make a quote that is good for ever. */
function notEmpty(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw noChallenge();
  return bytes;
}

function noChallenge(): Fault {
  return new Fault("malformed", "the cluster sent no usable challenge for this device");
}
