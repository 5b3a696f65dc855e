/** Both sides of a ceremony in one process: an authenticator answers, the server's state machines check. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { systemRandom } from "#base/random.ts";
import type { DeviceAuthenticator } from "#client/device/authenticator.ts";
import {
  type AuthenticatingDevice,
  type Authentication,
  beginAuthentication,
  finishAuthentication,
} from "#devicetrust/authentication.ts";
import { signChallenge } from "#devicetrust/challenge-signature.ts";
import {
  beginEnrollment,
  type DeviceTrustPolicy,
  type Enrollment,
  finishEnrollment,
} from "#devicetrust/enrollment.ts";
import type { CollectedData, OsType } from "#devicetrust/messages.ts";

/** When tests happen: an hour from now, so that certificates made meanwhile are valid. */
export const testNow = new Date(Date.now() + 3_600_000);

/** Accepts every TPM; refuses SHA-1 keys. */
export const openPolicy: DeviceTrustPolicy = {
  endorsementAuthorities: [],
  allowSha1OnWindows: false,
  measuredBoot: [],
};

/** Collected data with every field set. */
export function collectedData(changes: Partial<CollectedData> = {}): CollectedData {
  return {
    collectTime: testNow,
    osType: "linux",
    serialNumber: "PF47WND6",
    modelIdentifier: "21J50013US",
    osVersion: "12",
    osBuild: "12 (bookworm)",
    osUsername: "alice",
    jamfBinaryVersion: "",
    macosEnrollmentProfiles: "",
    reportedAssetTag: "No Asset Information",
    systemSerialNumber: "PF47WND6",
    baseBoardSerialNumber: "L1HF2CM03ZT",
    osId: "debian",
    osLoginUser: "alice",
    ...changes,
  };
}

/** A user's two login keys: P-256 for TLS, Ed25519 for SSH. */
export interface LoginKeys {
  readonly channelKey: Uint8Array;
  readonly sshKey: Uint8Array;
  readonly sshPrivate: KeyObject;
}

/** Fresh login keys. */
export function loginKeys(): LoginKeys {
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ssh = generateKeyPairSync("ed25519");
  return {
    channelKey: spkiOf(tls.publicKey),
    sshKey: spkiOf(ssh.publicKey),
    sshPrivate: ssh.privateKey,
  };
}

/** SubjectPublicKeyInfo of a key. */
export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "der", type: "spki" }));
}

/** What a test may set otherwise. */
export interface CeremonyOptions {
  readonly policy?: DeviceTrustPolicy;
  readonly osType?: OsType;
  readonly deviceId?: string;
  readonly keys?: LoginKeys;
}

const deviceId = "20ec6373-9e8e-46e0-8f1c-47ad6b06a768";

/** Runs an enrollment from first to last message. */
export async function enrollDevice(
  authenticator: DeviceAuthenticator,
  options: CeremonyOptions = {},
): Promise<Enrollment> {
  const { policy = openPolicy, osType = authenticator.osType, keys = loginKeys() } = options;
  const data = collectedData({ osType });
  const device = { id: options.deviceId ?? deviceId, osType, assetTag: data.serialNumber };
  const { challenge, state } = beginEnrollment(
    { ...(await authenticator.enrollInit()), token: "token", deviceData: data },
    { now: testNow, random: systemRandom, device, channelKey: keys.channelKey, policy },
  );
  return finishEnrollment(state, await authenticator.solveEnroll(challenge), { now: testNow });
}

/** The record that an enrollment leaves. */
export function recordOf(
  enrollment: Enrollment,
  options: CeremonyOptions = {},
): AuthenticatingDevice {
  const { collectedData: lastCollected, credential } = enrollment;
  const { osType = "linux", serialNumber } = lastCollected;
  const id = options.deviceId ?? deviceId;
  return { id, osType, assetTag: serialNumber, enrolled: true, credential, lastCollected };
}

/** Runs an authentication from first to last message, with separate TLS and SSH keys. */
export async function authenticateDevice(
  authenticator: DeviceAuthenticator,
  device: AuthenticatingDevice,
  options: CeremonyOptions = {},
): Promise<Authentication> {
  const { policy = openPolicy, osType = authenticator.osType, keys = loginKeys() } = options;
  const { challenge, state } = beginAuthentication(
    {
      credentialId: (await authenticator.findCredentialId()) ?? "",
      deviceData: collectedData({ osType }),
    },
    { now: testNow, random: systemRandom, device, channelKey: keys.channelKey, policy },
  );
  const proof = await authenticator.authenticate(challenge);
  const signed = challenge.kind === "tpm" ? challenge.attestationNonce : challenge.challenge;
  return finishAuthentication(
    state,
    { ...proof, sshSignature: signChallenge(keys.sshPrivate, signed) },
    { now: testNow, sshKey: keys.sshKey },
  );
}
