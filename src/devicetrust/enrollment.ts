/**
 * Enrollment of a device, as a state machine without sockets and clock: init → challenge → response → credential.
 *
 * The caller has authorised the user, found the device by OS and serial number, and spends the token before it sends the
 * challenge. It stores the result only after enrollment-conflict.ts has nothing against it.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import type { Random } from "#base/random.ts";
import { type AttestationKey, checkAttestationKey } from "#tpm/attestation-key.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import { type Endorsement, judgeEndorsement, type SentEndorsement } from "#tpm/endorsement.ts";
import type { EndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import {
  type AttestBytes,
  type CreationDataBytes,
  claimForm,
  type PublicBytes,
  type SignatureBytes,
} from "#tpm/forms.ts";
import { makeCredential } from "#tpm/make-credential.ts";
import { refuse } from "#tpm/refusal.ts";
import { deriveChallenge, PendingChallenge } from "./ceremony.ts";
import { verifyChallengeSignature } from "./challenge-signature.ts";
import { type CheckedData, checkCollectedData } from "./collected-data.ts";
import { type JudgedBoot, judgePlatform, type MeasuredBootRules } from "./measured-boot.ts";
import type {
  CollectedData,
  DeviceCredential,
  EnrollChallenge,
  EnrollInit,
  EnrollResponse,
  OsType,
  TpmEnrollPayload,
} from "./messages.ts";
import { type PlatformReport, verifyPlatform } from "./platform.ts";
import { badRequest, judgeEvidence, refuseCeremony } from "./refusal.ts";

/** The record that a device enrols into. */
export interface EnrollTarget {
  readonly id: string;
  readonly osType: OsType;
  readonly assetTag: string;
  /** The TPM that the record is bound to; undefined or empty for any. */
  readonly bound?: EndorsementBinding | undefined;
}

/** A TPM by what can be known of it before it enrols. What is given must fit. */
export interface EndorsementBinding {
  /** SHA-256 of the SubjectPublicKeyInfo of the endorsement key, hexadecimal. */
  readonly keyHash?: string;
  /** Serial number of its certificate: lower-case pairs joined by ":". */
  readonly certificateSerial?: string;
}

/** What the cluster demands of devices. */
export interface DeviceTrustPolicy {
  /** `ekcert_allowed_cas`; empty accepts every TPM. */
  readonly endorsementAuthorities: EndorsementAuthorities;
  /** Accept attestation keys of Windows devices that sign with SHA-1. */
  readonly allowSha1OnWindows: boolean;
  /** What a boot must satisfy. */
  readonly measuredBoot: MeasuredBootRules;
}

/** Everything that the ceremony takes from outside. */
export interface EnrollmentDeps {
  readonly now: Date;
  readonly random: Random;
  readonly device: EnrollTarget;
  /** SubjectPublicKeyInfo of the TLS client certificate of the stream. */
  readonly channelKey: Uint8Array;
  readonly policy: DeviceTrustPolicy;
}

/** The result: what to store and what to report. */
export interface Enrollment {
  readonly credential: DeviceCredential;
  /** The endorsement key of a TPM: at most one enrolled device may have it. */
  readonly endorsement: Endorsement | undefined;
  /** With the time of record and, for a TPM, the evidence. */
  readonly collectedData: CollectedData;
  readonly platform: PlatformReport | undefined;
  /** The boot that a TPM proved, and the rules that it fails but that only report. */
  readonly boot: JudgedBoot | undefined;
}

interface KeyState {
  readonly kind: "key";
  readonly key: KeyObject;
}

interface TpmState {
  readonly kind: "tpm";
  readonly endorsement: Endorsement;
  readonly attestationKey: AttestationKey;
  readonly secret: Uint8Array;
  readonly osType: OsType;
  readonly rules: MeasuredBootRules;
}

type State = (KeyState | TpmState) & {
  readonly credentialId: string;
  readonly challenge: Uint8Array;
  readonly data: CheckedData;
};

/** Waits for the answer to a challenge. */
export type EnrollmentState = PendingChallenge<State>;

/** Activation may ask for an administrator's consent, and TPMs are slow. */
const answerTtlMs = 5 * 60_000;
const secretBytes = 32;
const appleSystems: readonly OsType[] = ["macos", "ios", "ipados"];

/** The checks of the first message, in order. Each throws `invalid`. */
const initChecks: readonly ((init: EnrollInit, deps: EnrollmentDeps) => void)[] = [
  function hasToken({ token }) {
    if (token === "") throw badRequest("enrollment token is missing");
  },
  function hasCredentialId({ credentialId }) {
    if (credentialId === "") throw badRequest("credential id is missing");
    if (credentialId.length > 100) throw badRequest("credential id is too long");
  },
  function hasSoundData({ deviceData }, { now }) {
    checkCollectedData(deviceData, now);
  },
  function hasPayloadOfItsSystem({ deviceData, macos, tpm }) {
    const apple = deviceData?.osType !== undefined && appleSystems.includes(deviceData.osType);
    if (
      apple ? macos === undefined || tpm !== undefined : tpm === undefined || macos !== undefined
    ) {
      throw badRequest(`enrollment on this OS needs a ${apple ? "macOS" : "TPM"} payload`);
    }
  },
];

/** Checks the first message on its own, before a token is spent on it. Throws `invalid` with what is wrong. */
export function checkEnrollInit(init: EnrollInit, deps: EnrollmentDeps): void {
  for (const check of initChecks) check(init, deps);
}

/** Checks the first message and its evidence, and makes the challenge. */
export function beginEnrollment(
  init: EnrollInit,
  deps: EnrollmentDeps,
): { readonly challenge: EnrollChallenge; readonly state: EnrollmentState } {
  checkEnrollInit(init, deps);
  const { now, random, device, channelKey } = deps;
  const data = checkCollectedData(init.deviceData, now);
  assertSameDevice(data, device);
  const binding = { ceremony: "enrollment", deviceId: device.id, channelKey } as const;
  const challenge = deriveChallenge(binding, random);
  const common = { credentialId: init.credentialId, challenge, data };
  if (init.tpm === undefined) {
    const key = judgeEvidence("enrollment", () => parseDeviceKey(init.macos?.publicKeyDer));
    const state = { kind: "key", key, ...common } as const;
    return { challenge: { kind: "key", challenge }, state: pending(state, now) };
  }
  const state = { ...common, ...beginTpm(init, init.tpm, deps) };
  const encryptedCredential = makeCredential(
    state.endorsement.key,
    state.attestationKey.name,
    state.secret,
    random,
  );
  return {
    challenge: { kind: "tpm", encryptedCredential, attestationNonce: challenge },
    state: pending(state, now),
  };
}

/** The TPM's keys, in the order of the specification: endorsement key, attestation key, credential id. */
function beginTpm(init: EnrollInit, tpm: TpmEnrollPayload, deps: EnrollmentDeps): TpmState {
  const { policy, device, now, random } = deps;
  return judgeEvidence("enrollment", () => {
    const sent = sentEndorsement(tpm);
    const authorities = policy.endorsementAuthorities;
    const endorsement = judgeEndorsement(sent, { authorities, at: now });
    assertBound(endorsement, device.bound);
    const attestationKey = checkAttestationKey(claimParameters(tpm), {
      allowSha1: policy.allowSha1OnWindows && device.osType === "windows",
    });
    if (credentialIdOf(attestationKey) !== init.credentialId) {
      throw refuseCeremony(
        "enrollment",
        "credential_id",
        "the credential id is not that of the key",
      );
    }
    const [secret, rules] = [random(secretBytes), policy.measuredBoot];
    return { kind: "tpm", endorsement, attestationKey, secret, osType: device.osType, rules };
  });
}

/** Checks the answer. The state is spent whatever the outcome. */
export function finishEnrollment(
  pendingState: EnrollmentState,
  response: EnrollResponse,
  { now }: { readonly now: Date },
): Enrollment {
  const state = pendingState.take(now);
  return judgeEvidence("enrollment", () => {
    if (state.kind === "key" && response.kind === "key") {
      return finishKey(state, response.signature, now);
    }
    if (state.kind === "tpm" && response.kind === "tpm") {
      if (!sameBytes(response.solution, state.secret)) throw refuse("activation");
      const { attestationKey, challenge } = state;
      const platform = verifyPlatform(attestationKey, response.platformParameters, challenge);
      return enrolledTpm(state, response, platform, now);
    }
    throw badRequest("the answer is not of the kind of the challenge");
  });
}

function finishKey(state: KeyState & State, signature: Uint8Array, now: Date): Enrollment {
  if (!verifyChallengeSignature(state.key, state.challenge, signature)) {
    throw refuseCeremony(
      "enrollment",
      "device_signature",
      "the device's signature does not verify",
    );
  }
  const credential: DeviceCredential = {
    id: state.credentialId,
    publicKeyDer: new Uint8Array(state.key.export({ format: "der", type: "spki" })),
    deviceAttestationType: "unspecified",
    tpmEkcertSerial: "",
    tpmAkPublic: new Uint8Array(0),
  };
  const collectedData = { ...state.data, recordTime: now };
  const none = { endorsement: undefined, platform: undefined, boot: undefined };
  return { credential, collectedData, ...none };
}

function enrolledTpm(
  { endorsement, attestationKey, credentialId, challenge, data, osType, rules }: TpmState & State,
  { platformParameters }: EnrollResponse & { kind: "tpm" },
  platform: PlatformReport,
  now: Date,
): Enrollment {
  const boot = judgePlatform("enrollment", rules, { osType, platform, baseline: undefined }, now);
  const credential: DeviceCredential = {
    id: credentialId,
    publicKeyDer: new Uint8Array(0),
    deviceAttestationType: endorsement.attestationType,
    tpmEkcertSerial: endorsement.certificate?.serial ?? "",
    tpmAkPublic: attestationKey.bytes,
  };
  const tpmPlatformAttestation = platformParameters && { nonce: challenge, platformParameters };
  const collectedData = { ...data, recordTime: now, tpmPlatformAttestation };
  return { credential, endorsement, collectedData, platform, boot };
}

function pending(state: State, now: Date): EnrollmentState {
  return new PendingChallenge("enrollment", state, now, answerTtlMs);
}

/** The caller looked the device up by these two; a mistake there must not enrol another one. */
function assertSameDevice(data: CheckedData, device: EnrollTarget): void {
  if (data.osType !== device.osType || data.serialNumber !== device.assetTag) {
    throw refuseCeremony("enrollment", "other_device", "the data describes another device");
  }
}

/** Serial numbers are self-reported: a record that was bound to a TPM beforehand takes no other. */
function assertBound(
  { publicKeyHash, certificate }: Endorsement,
  { keyHash, certificateSerial }: EndorsementBinding = {},
): void {
  if (keyHash !== undefined && keyHash !== publicKeyHash) throw refuse("ek_not_bound");
  if (certificateSerial !== undefined && certificateSerial !== certificate?.serial) {
    throw refuse("ek_serial_not_bound", certificate?.serial ?? "no certificate");
  }
}

/** A Secure Enclave key: P-256 in PKIX form. Software can make one too, so the attestation type is unspecified. */
function parseDeviceKey(publicKeyDer: Uint8Array = new Uint8Array(0)): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(publicKeyDer), format: "der", type: "spki" });
  } catch {
    throw badRequest("the device's public key cannot be read");
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw badRequest("the device's public key is not a P-256 key");
  }
  return key;
}

function sentEndorsement({ ekCert, ekKey }: TpmEnrollPayload): SentEndorsement {
  if (ekCert !== undefined && ekCert.length > 0) return { certificate: ekCert };
  if (ekKey !== undefined && ekKey.length > 0) return { key: ekKey };
  throw refuse("ek_missing");
}

function claimParameters({ attestationParameters: sent }: TpmEnrollPayload) {
  if (sent === undefined) throw badRequest("attestation parameters are missing");
  return {
    public: claimForm<PublicBytes>(sent.public),
    createData: claimForm<CreationDataBytes>(sent.createData),
    createAttestation: claimForm<AttestBytes>(sent.createAttestation),
    createSignature: claimForm<SignatureBytes>(sent.createSignature),
  };
}
