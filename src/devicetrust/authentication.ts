/**
 * Authentication of an enrolled device, as a state machine without sockets and clock: init → challenge → response.
 *
 * The caller has authenticated the user by TLS, checked the SSH certificate (same user, same authority, unexpired), applied
 * locks, and found the device by credential id. On success it issues both certificates again with the device's three
 * fields and the same expiry.
 */
import { createPublicKey } from "node:crypto";
import type { Random } from "#base/random.ts";
import type { DeviceExtensions } from "#identity/identity.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { claimForm, type PublicBytes } from "#tpm/forms.ts";
import { deriveChallenge, PendingChallenge } from "./ceremony.ts";
import { assertSshKeyProof, verifyChallengeSignature } from "./challenge-signature.ts";
import { type CheckedData, checkCollectedData } from "./collected-data.ts";
import type { BootFacts, PcrTable } from "./device-facts.ts";
import { type Drift, findDrift } from "./drift.ts";
import type { DeviceTrustPolicy, EnrollTarget } from "./enrollment.ts";
import { type JudgedBoot, judgePlatform, type MeasuredBootRules } from "./measured-boot.ts";
import type {
  AuthenticateChallenge,
  AuthenticateInit,
  AuthenticateResponse,
  CollectedData,
  DeviceCredential,
} from "./messages.ts";
import { type PlatformReport, verifyPlatform } from "./platform.ts";
import { findPlatformDrift, type PlatformDrift } from "./platform-drift.ts";
import { badRequest, judgeEvidence, refuseCeremony } from "./refusal.ts";

/** The record of the device that wants to authenticate. */
export interface AuthenticatingDevice extends EnrollTarget {
  readonly enrolled: boolean;
  readonly credential: DeviceCredential | undefined;
  /** The last data that the server recorded. */
  readonly lastCollected: CollectedData | undefined;
  /** What its PCRs must hold where a rule demands that they do not change; undefined when that is not known. */
  readonly baseline?: PcrTable | undefined;
}

/** Everything that the ceremony takes from outside. */
export interface AuthenticationDeps {
  readonly now: Date;
  readonly random: Random;
  /** Undefined when no device has the credential: refused like every other failure. */
  readonly device: AuthenticatingDevice | undefined;
  /** SubjectPublicKeyInfo of the TLS client certificate of the stream. */
  readonly channelKey: Uint8Array;
  readonly policy: Pick<DeviceTrustPolicy, "allowSha1OnWindows" | "measuredBoot">;
}

/** What the answer is checked against. */
export interface FinishAuthenticationDeps {
  readonly now: Date;
  /**
   * SubjectPublicKeyInfo of the key in the SSH certificate; undefined only for a web session, whose certificates the
   * server holds itself.
   */
  readonly sshKey: Uint8Array | undefined;
  /** Is told the boot that the TPM proved, also one that the rules refuse. */
  readonly seenBoot?: ((facts: BootFacts) => void) | undefined;
}

/** The result: the fields for the certificates, and what to record and report. */
export interface Authentication {
  readonly device: DeviceExtensions;
  readonly collectedData: CollectedData;
  readonly drift: readonly Drift[];
  readonly platform: PlatformReport | undefined;
  readonly platformDrift: PlatformDrift;
  /** The boot that a TPM proved, and the rules that it fails but that only report. */
  readonly boot: JudgedBoot | undefined;
}

interface State {
  readonly device: AuthenticatingDevice;
  readonly credential: DeviceCredential;
  readonly challenge: Uint8Array;
  readonly channelKey: Uint8Array;
  readonly allowSha1: boolean;
  readonly rules: MeasuredBootRules;
  readonly data: CheckedData;
  readonly drift: readonly Drift[];
}

/** Waits for the answer to a challenge. */
export type AuthenticationState = PendingChallenge<State>;

const answerTtlMs = 2 * 60_000;

/** What must hold before a challenge is made, in order. Each refuses with its own reason, seen in the audit event. */
const recordChecks: readonly ((subject: {
  readonly init: AuthenticateInit;
  readonly data: CheckedData;
  readonly device: AuthenticatingDevice;
  readonly credential: DeviceCredential;
}) => void)[] = [
  function isEnrolled({ device }) {
    if (!device.enrolled) throw refuseDevice("not_enrolled");
  },
  function hasThisCredential({ init, credential }) {
    if (credential.id !== init.credentialId) throw refuseDevice("other_credential");
  },
  function hasThisSystem({ data, device }) {
    if (data.osType !== device.osType) throw refuseDevice("other_os");
  },
  function hasThisSerialNumber({ data, device }) {
    if (data.serialNumber !== device.assetTag) throw refuseDevice("other_serial_number");
  },
  function isTheSameMachine({ data, device }) {
    const drift = device.lastCollected ? findDrift(device.lastCollected, data) : [];
    if (drift.some(({ refuses }) => refuses)) throw refuseDevice("drift");
  },
];

/** Checks the first message against the device's record, and makes the challenge. */
export function beginAuthentication(
  init: AuthenticateInit,
  deps: AuthenticationDeps,
): { readonly challenge: AuthenticateChallenge; readonly state: AuthenticationState } {
  const { now, random, device, channelKey, policy } = deps;
  if (init.credentialId === "") throw badRequest("credential id is missing");
  const data = checkCollectedData(init.deviceData, now);
  if (device === undefined) throw refuseDevice("unknown_device");
  const { credential, lastCollected } = device;
  if (credential === undefined) throw refuseDevice("not_enrolled");
  for (const check of recordChecks) check({ init, data, device, credential });
  const binding = { ceremony: "authentication", deviceId: device.id, channelKey } as const;
  const challenge = deriveChallenge(binding, random);
  const allowSha1 = policy.allowSha1OnWindows && device.osType === "windows";
  const drift = lastCollected ? findDrift(lastCollected, data) : [];
  const rules = policy.measuredBoot;
  const state = { device, credential, challenge, channelKey, allowSha1, rules, data, drift };
  return {
    challenge: isTpm(credential)
      ? { kind: "tpm", attestationNonce: challenge }
      : { kind: "key", challenge },
    state: new PendingChallenge("authentication", state, now, answerTtlMs),
  };
}

/** Checks the answer: the device's proof, the SSH key's, then the boot. The state is spent whatever the outcome. */
export function finishAuthentication(
  pending: AuthenticationState,
  response: AuthenticateResponse,
  { now, sshKey, seenBoot: seen }: FinishAuthenticationDeps,
): Authentication {
  const state = pending.take(now);
  const { device, credential, challenge, channelKey, rules, data, drift } = state;
  const platform = judgeEvidence("authentication", () => verifyDevice(state, response));
  if (sshKey !== undefined) {
    const signature = response.sshSignature;
    assertSshKeyProof({ tlsKey: channelKey, sshKey, challenge, signature });
  }
  const { osType, baseline } = device;
  const boot =
    platform &&
    judgePlatform(
      "authentication",
      rules,
      { osType, platform, baseline: baseline ?? {}, seen },
      now,
    );
  const evidence = response.kind === "tpm" ? response.platformParameters : undefined;
  const tpmPlatformAttestation = evidence && { nonce: challenge, platformParameters: evidence };
  return {
    device: { deviceId: device.id, assetTag: device.assetTag, credentialId: credential.id },
    collectedData: { ...data, recordTime: now, tpmPlatformAttestation },
    drift,
    platform,
    platformDrift: findPlatformDrift(device.lastCollected, platform, now),
    boot,
  };
}

function verifyDevice(
  { credential, challenge, allowSha1 }: State,
  response: AuthenticateResponse,
): PlatformReport | undefined {
  if (isTpm(credential)) {
    if (response.kind !== "tpm") throw badRequest("the answer is not of the kind of the challenge");
    const key = parseAttestationKey(claimForm<PublicBytes>(credential.tpmAkPublic), { allowSha1 });
    return verifyPlatform(key, response.platformParameters, challenge);
  }
  if (response.kind !== "key") throw badRequest("the answer is not of the kind of the challenge");
  const { publicKeyDer } = credential;
  const key = createPublicKey({ key: Buffer.from(publicKeyDer), format: "der", type: "spki" });
  if (!verifyChallengeSignature(key, challenge, response.signature)) {
    throw refuseCeremony(
      "authentication",
      "device_signature",
      "the device's signature does not verify",
    );
  }
  return undefined;
}

function isTpm(credential: DeviceCredential): boolean {
  return credential.tpmAkPublic.length > 0;
}

const refusals = {
  unknown_device: "no device has this credential",
  not_enrolled: "the device is not enrolled",
  other_credential: "the device is enrolled with another credential",
  other_os: "the data names another operating system",
  other_serial_number: "the data names another serial number",
  drift: "the data describes another machine than the last time",
} as const;

function refuseDevice(reason: keyof typeof refusals) {
  return refuseCeremony("authentication", reason, refusals[reason]);
}
