/**
 * The messages of package teleport.devicetrust.v1 as the ceremonies of `#devicetrust` read and write them: the server's
 * direction. What a message holds is judged by the ceremonies, bounds included.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { decodeDocument, encodeDocument } from "#api/convert/document.ts";
import { Fault } from "#base/fault.ts";
import type { DeviceProfile } from "#devicetrust/auto-enrollment.ts";
import { checkShownEpoch, type ShownEpoch } from "#devicetrust/epoch.ts";
import type {
  AuthenticateChallenge,
  AuthenticateInit,
  AuthenticateResponse,
  CollectedData,
  EnrollChallenge,
  EnrollInit,
  EnrollResponse,
  OsType,
  PlatformParameters,
} from "#devicetrust/messages.ts";
import type {
  AuthenticateDeviceInit,
  AuthenticateDeviceRequest,
  AuthenticateDeviceResponseSchema,
} from "#gen/teleport/devicetrust/v1/authenticate_pb.ts";
import {
  type DeviceCollectedData as CollectedMessage,
  DeviceCollectedDataSchema,
  OSType,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type {
  EnrollDeviceInit,
  EnrollDeviceRequest,
  EnrollDeviceResponseSchema,
} from "#gen/teleport/devicetrust/v1/enroll_pb.ts";
import type { TPMPlatformParameters } from "#gen/teleport/devicetrust/v1/tpm_pb.ts";
import type { DeviceCollectedData, DeviceProfile as ProfileDocument } from "#resource/device.ts";

const osTypes: ReadonlyMap<OSType, OsType> = new Map([
  [OSType.OS_TYPE_LINUX, "linux"],
  [OSType.OS_TYPE_MACOS, "macos"],
  [OSType.OS_TYPE_WINDOWS, "windows"],
  [OSType.OS_TYPE_IOS, "ios"],
  [OSType.OS_TYPE_IPADOS, "ipados"],
]);

const osNumbers: ReadonlyMap<OsType, OSType> = new Map([...osTypes].map(([n, os]) => [os, n]));

/** The number of an operating system, in messages and audit events. */
export function osTypeNumber(os: OsType): OSType {
  return osNumbers.get(os) ?? OSType.OS_TYPE_UNSPECIFIED;
}

/** Collected data as the ceremonies read it. */
export function readCollectedData(message: CollectedMessage): CollectedData {
  const { tpmPlatformAttestation: sent } = message;
  return {
    collectTime: readTime(message.collectTime),
    recordTime: readTime(message.recordTime),
    osType: osTypes.get(message.osType),
    serialNumber: message.serialNumber,
    modelIdentifier: message.modelIdentifier,
    osVersion: message.osVersion,
    osBuild: message.osBuild,
    osUsername: message.osUsername,
    jamfBinaryVersion: message.jamfBinaryVersion,
    macosEnrollmentProfiles: message.macosEnrollmentProfiles,
    reportedAssetTag: message.reportedAssetTag,
    systemSerialNumber: message.systemSerialNumber,
    baseBoardSerialNumber: message.baseBoardSerialNumber,
    osId: message.osId,
    osLoginUser: message.osLoginUser,
    tpmPlatformAttestation: sent && {
      nonce: sent.nonce,
      platformParameters: sent.platformParameters
        ? readPlatform(sent.platformParameters)
        : { quotes: [], pcrs: [], eventLog: new Uint8Array() },
    },
  };
}

/** Collected data as the inventory stores it. The event log, which may be large, is left out. */
export function collectedDocument(data: CollectedData): DeviceCollectedData {
  const { collectTime, recordTime, osType, tpmPlatformAttestation: evidence, ...texts } = data;
  const message = create(DeviceCollectedDataSchema, {
    ...texts,
    osType: osType === undefined ? OSType.OS_TYPE_UNSPECIFIED : osTypeNumber(osType),
    ...(collectTime ? { collectTime: timestampFromDate(collectTime) } : {}),
    ...(recordTime ? { recordTime: timestampFromDate(recordTime) } : {}),
    ...(evidence
      ? {
          tpmPlatformAttestation: {
            nonce: evidence.nonce,
            platformParameters: {
              quotes: [...evidence.platformParameters.quotes],
              pcrs: [...evidence.platformParameters.pcrs],
            },
          },
        }
      : {}),
  });
  return decodeDocument(DeviceCollectedDataSchema, message) as DeviceCollectedData;
}

/** Stored collected data as the ceremonies read it. */
export function readCollectedDocument(document: DeviceCollectedData): CollectedData {
  return readCollectedData(encodeDocument(DeviceCollectedDataSchema, document));
}

/** The stored profile of an inventory service, as it is compared with what a device says. */
export function readProfileDocument(profile: ProfileDocument): DeviceProfile {
  return {
    modelIdentifier: profile.model_identifier ?? "",
    osVersion: profile.os_version ?? "",
    osBuild: profile.os_build ?? "",
    osBuildSupplemental: profile.os_build_supplemental ?? "",
    osUsernames: profile.os_usernames ?? [],
    jamfBinaryVersion: profile.jamf_binary_version ?? "",
    osId: profile.os_id ?? "",
  };
}

/** The first message of an enrollment. */
export function readEnrollInit({ token, credentialId, deviceData, macos, tpm }: EnrollDeviceInit) {
  const init: EnrollInit = {
    token,
    credentialId,
    deviceData: deviceData && readCollectedData(deviceData),
    macos: macos && { publicKeyDer: macos.publicKeyDer },
    tpm: tpm && {
      ekCert: tpm.ek.case === "ekCert" ? tpm.ek.value : undefined,
      ekKey: tpm.ek.case === "ekKey" ? tpm.ek.value : undefined,
      attestationParameters: tpm.attestationParameters,
    },
  };
  return init;
}

/** The answer to the challenge of an enrollment. Throws `invalid` for any other message. */
export function readEnrollResponse({ payload }: EnrollDeviceRequest): EnrollResponse {
  switch (payload.case) {
    case "macosChallengeResponse":
      return { kind: "key", signature: payload.value.signature };
    case "tpmChallengeResponse":
      return {
        kind: "tpm",
        solution: payload.value.solution,
        platformParameters: readOptionalPlatform(payload.value.platformParameters),
      };
    default:
      throw new Fault("invalid", "the message after the challenge must be the answer to it");
  }
}

/** The challenge of an enrollment as its message, with the series of epochs that begins. */
export function enrollChallengeMessage(
  challenge: EnrollChallenge,
  series: Uint8Array,
): MessageInitShape<typeof EnrollDeviceResponseSchema> {
  const gatehouseEpoch = { series };
  if (challenge.kind === "key") {
    const value = { challenge: challenge.challenge };
    return { payload: { case: "macosChallenge", value }, gatehouseEpoch };
  }
  const { encryptedCredential, attestationNonce } = challenge;
  const value = { encryptedCredential, attestationNonce };
  return { payload: { case: "tpmChallenge", value }, gatehouseEpoch };
}

/** The first message of an authentication, without the certificates or the web token in it. */
export function readAuthenticateInit({
  credentialId,
  deviceData,
}: AuthenticateDeviceInit): AuthenticateInit {
  return { credentialId, deviceData: deviceData && readCollectedData(deviceData) };
}

/** The answer to the challenge of an authentication. Throws `invalid` for any other message. */
export function readAuthenticateResponse({
  payload,
}: AuthenticateDeviceRequest): AuthenticateResponse {
  switch (payload.case) {
    case "challengeResponse": {
      const { signature, sshSignature } = payload.value;
      return { kind: "key", signature, sshSignature };
    }
    case "tpmChallengeResponse": {
      const { platformParameters, sshSignature } = payload.value;
      return {
        kind: "tpm",
        platformParameters: readOptionalPlatform(platformParameters),
        sshSignature,
      };
    }
    default:
      throw new Fault("invalid", "the message after the challenge must be the answer to it");
  }
}

/** The epoch that our own client shows with its answer; undefined from others. Throws `invalid`. */
export function readShownEpoch({
  gatehouseEpoch,
}: AuthenticateDeviceRequest | EnrollDeviceRequest): ShownEpoch | undefined {
  return gatehouseEpoch && checkShownEpoch(gatehouseEpoch);
}

/** The challenge of an authentication as its message, with the series of epochs that is asked for. */
export function authenticateChallengeMessage(
  challenge: AuthenticateChallenge,
  series: Uint8Array,
): MessageInitShape<typeof AuthenticateDeviceResponseSchema> {
  const gatehouseEpoch = { series };
  return challenge.kind === "key"
    ? { payload: { case: "challenge", value: { challenge: challenge.challenge } }, gatehouseEpoch }
    : {
        payload: {
          case: "tpmChallenge",
          value: { attestationNonce: challenge.attestationNonce },
        },
        gatehouseEpoch,
      };
}

function readOptionalPlatform(
  message: TPMPlatformParameters | undefined,
): PlatformParameters | undefined {
  return message && readPlatform(message);
}

function readPlatform({ quotes, pcrs, eventLog }: TPMPlatformParameters): PlatformParameters {
  return { quotes, pcrs, eventLog };
}

/** A time that cannot be one is left to the checks of the ceremony, as an invalid date. */
function readTime(message: Timestamp | undefined): Date | undefined {
  return message && timestampDate(message);
}
