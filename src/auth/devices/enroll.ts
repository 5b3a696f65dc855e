/**
 * Enrollment as auth performs it: who may, into which record, with which token; then the ceremony of `#devicetrust`, and
 * its result in the inventory. The stream of messages, its time limit and the audit of failures are the caller's.
 */

import { base64 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { checkCollectedData } from "#devicetrust/collected-data.ts";
import {
  beginEnrollment,
  checkEnrollInit,
  type Enrollment,
  type EnrollmentDeps,
  type EnrollmentState,
  finishEnrollment,
} from "#devicetrust/enrollment.ts";
import { assertNoConflict } from "#devicetrust/enrollment-conflict.ts";
import {
  beginEpoch,
  type EpochMark,
  newSeries,
  receiptOf,
  type ShownEpoch,
} from "#devicetrust/epoch.ts";
import type {
  DeviceCredential,
  EnrollChallenge,
  EnrollInit,
  EnrollResponse,
} from "#devicetrust/messages.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { DeviceCredential as CredentialDocument, Device } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import { type AuthCall, authorize, requireUser } from "../grpc/guard.ts";
import { endorsementFacts, signsWithSha1 } from "./attestation.ts";
import { assertMayEnrollAlone, assertNotTaken } from "./auto-enroll-check.ts";
import { markClock } from "./clock.ts";
import { assertKeyMayEnroll, assertNotCopied } from "./copies.ts";
import { type DeviceChange, type DeviceState, lastingOf } from "./device-state.ts";
import { deviceFields, recordBoot, recordFailure, recordSuccess } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";
import { collectedDocument } from "./messages.ts";
import { readDeviceTrust } from "./policy.ts";
import type { EnrollTokens } from "./tokens.ts";

/** What an enrollment works with. */
export interface EnrollContext {
  readonly context: AuthContext;
  readonly inventory: DeviceInventory;
  readonly tokens: EnrollTokens;
}

/** An enrollment between its challenge and the answer. */
export interface PendingEnrollment {
  readonly challenge: EnrollChallenge;
  /** The record that the device enrols into. */
  readonly device: Device;
  readonly state: EnrollmentState;
  readonly user: UserIdentity;
  /** The series of epochs that begins with this enrollment. */
  readonly series: Uint8Array;
  /** By a token that no administrator gave. */
  readonly automatic: boolean;
}

/** A device that is enrolled now. */
export interface FinishedEnrollment {
  readonly enrolled: DeviceState;
  /** For the epoch that the device has shown; undefined when it has shown none. */
  readonly receipt: Uint8Array | undefined;
}

/** The person who enrols a device or authenticates with it: no bot, and nobody in another's name. */
export function requirePerson(call: AuthCall): { user: UserIdentity; channelKey: Uint8Array } {
  const user = requireUser(call);
  const { certificate } = call.peer;
  if (certificate === undefined || user.botName !== undefined || user.impersonator !== undefined) {
    throw new Fault("access-denied", "access denied", {
      audit: { reason: "not_a_person", why: "bots and impersonators have no devices" },
    });
  }
  return { user, channelKey: certificate.publicKey };
}

/**
 * Everything up to the challenge. The token is spent on the way: whatever fails afterwards needs a new one. `found` is
 * told the record as soon as it is known, for the audit event of a failure.
 */
export async function beginDeviceEnrollment(
  { context, inventory, tokens }: EnrollContext,
  call: AuthCall,
  init: EnrollInit,
  found: (device: Device) => void,
): Promise<PendingEnrollment> {
  const { user, channelKey } = requirePerson(call);
  const now = context.clock.now();
  const settings = await readDeviceTrust(context);
  const { policy } = settings;
  const data = checkCollectedData(init.deviceData, now);
  const { osType, serialNumber } = data;
  const unknown = { id: "", osType, assetTag: serialNumber };
  const deps = { now, random: context.random, channelKey, policy };
  checkEnrollInit(init, { ...deps, device: unknown });
  await authorizeEnrollment(context, call, user, await tokens.find(init.token));
  const state = await inventory.findByTag(osType, serialNumber);
  if (state === undefined) {
    throw new Fault("not-found", `device "${serialNumber}" is not registered`, {
      hint: `an administrator can register it: tctl devices add --os=${osType} --asset-tag=${serialNumber}`,
      audit: { reason: "unknown_device" },
    });
  }
  const { device } = state;
  found(device);
  await assertNotCopied(context, init.credentialId);
  assertKeyMayEnroll(state, init.credentialId, user.username);
  const automatic = await spendToken(
    { context, inventory, tokens },
    call,
    init.token,
    device,
    user,
  );
  if (automatic) assertMayEnrollAlone(settings, state, data);
  const target = {
    id: device.metadata.name,
    osType,
    assetTag: device.spec.asset_tag,
    bound: state.record.boundEndorsement,
  };
  const begun = beginEnrollment(init, { ...deps, device: target } satisfies EnrollmentDeps);
  return { ...begun, device, user, automatic, series: newSeries(context.random) };
}

/** Checks the answer and stores the credential; the audit event is durable before anything is stored. */
export async function finishDeviceEnrollment(
  { context, inventory }: EnrollContext,
  call: AuthCall,
  { state, device, user, automatic, series }: PendingEnrollment,
  response: EnrollResponse,
  shown: ShownEpoch | undefined,
): Promise<FinishedEnrollment> {
  const now = context.clock.now();
  const enrollment = finishEnrollment(state, response, { now });
  const { credential, endorsement: offered, platform, boot } = enrollment;
  const epoch = shown && beginEpoch(series, shown, context.random);
  const enrolled = await inventory.modify(
    device.metadata.name,
    user.username,
    async (before) => {
      assertSameIncarnation(device, before.device);
      assertKeyMayEnroll(before, credential.id, user.username);
      if (automatic) assertNotTaken(before);
      const { enrolled, endorsement } = enrolledHardware(before);
      assertNoConflict(enrollment, {
        deviceId: device.metadata.name,
        ...(enrolled && endorsement ? { enrolledEndorsementHash: endorsement } : {}),
        ...(await inventory.findHolders(credential.id, offered?.publicKeyHash)),
      });
      return enrolledChange(before, { ...enrollment, epoch }, user.username, now);
    },
    async (after) => {
      const fields = deviceFields(after);
      await recordBoot(context, call, fields, boot?.findings ?? []);
      const notes = [
        ...(platform ? [`the event log is ${platform.eventLog.verdict}`] : []),
        ...(signsWithSha1(credential) ? ["its key signs with SHA-1"] : []),
      ];
      const message = notes.length > 0 ? notes.join("; ") : undefined;
      return recordSuccess(context, "device.enroll", call, fields, message);
    },
  );
  return { enrolled, receipt: epoch && receiptOf(epoch) };
}

/** An administrator's token needs the permission to enrol; a token for auto-enrollment is the permission itself. */
async function authorizeEnrollment(
  context: AuthContext,
  call: AuthCall,
  user: UserIdentity,
  token: { readonly username?: string | undefined } | undefined,
): Promise<void> {
  if (token?.username === user.username) return;
  await authorize(context, call, "device", "enroll");
}

/** True for a token that no administrator gave. */
async function spendToken(
  { context, tokens }: EnrollContext,
  call: AuthCall,
  token: string,
  device: Device,
  user: UserIdentity,
): Promise<boolean> {
  const fields = deviceFields(device);
  const presented = { deviceId: device.metadata.name, username: user.username };
  const spent = await tokens.spend(token, presented).catch(async (error: unknown) => {
    await recordFailure(context, "device.token.spent", call, error, fields);
    throw error;
  });
  await recordSuccess(context, "device.token.spent", call, fields);
  return spent.username !== undefined;
}

/** A record that was deleted and made again under its old id is another one. */
function assertSameIncarnation(begun: Device, now: Device): void {
  const same =
    begun.spec.create_time === now.spec.create_time &&
    begun.spec.asset_tag === now.spec.asset_tag &&
    begun.spec.os_type === now.spec.os_type;
  if (same) return;
  throw new Fault("conflict", "the device was registered anew during the enrollment", {
    hint: "try again with a new token",
    audit: { reason: "device_replaced" },
  });
}

function enrolledHardware({ device, record }: DeviceState) {
  return {
    enrolled: device.spec.enroll_status === "enrolled",
    endorsement: record.endorsementHash,
  };
}

function enrolledChange(
  { device, record }: DeviceState,
  {
    credential,
    endorsement,
    collectedData,
    platform,
    boot,
    epoch,
  }: Enrollment & { readonly epoch: EpochMark | undefined },
  owner: string,
  now: Date,
): DeviceChange {
  const { certificatesUntil } = record;
  const sameKey = device.spec.credential?.id === credential.id;
  return {
    device: {
      ...device,
      spec: {
        ...device.spec,
        enroll_status: "enrolled",
        credential: credentialDocument(credential),
        owner,
        update_time: now.toISOString(),
      },
    },
    record: {
      enrolled: collectedDocument(collectedData),
      recent: [],
      ...(endorsement ? endorsementFacts(endorsement) : {}),
      ...(platform ? { clock: markClock(platform.clock, now) } : {}),
      ...(epoch ? { epoch } : {}),
      ...(boot ? { boot: boot.facts, baseline: boot.facts.pcrs } : {}),
      // Certificates of the same key are still out there; those of another one are locked by this change.
      ...(sameKey && certificatesUntil !== undefined ? { certificatesUntil } : {}),
      ...lastingOf(record),
    },
  };
}

function credentialDocument(credential: DeviceCredential): CredentialDocument {
  const { id, publicKeyDer, deviceAttestationType, tpmEkcertSerial, tpmAkPublic } = credential;
  return {
    id,
    ...(publicKeyDer.length > 0 ? { public_key_der: base64(publicKeyDer) } : {}),
    device_attestation_type:
      deviceAttestationType === "unspecified" ? undefined : deviceAttestationType,
    ...(tpmEkcertSerial === "" ? {} : { tpm_ekcert_serial: tpmEkcertSerial }),
    ...(tpmAkPublic.length > 0 ? { tpm_ak_public: base64(tpmAkPublic) } : {}),
  };
}

/** The stored credential as the ceremonies read it. */
export function readCredential(document: CredentialDocument): DeviceCredential {
  const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text ?? "", "base64"));
  return {
    id: document.id,
    publicKeyDer: bytes(document.public_key_der),
    deviceAttestationType: document.device_attestation_type ?? "unspecified",
    tpmEkcertSerial: document.tpm_ekcert_serial ?? "",
    tpmAkPublic: bytes(document.tpm_ak_public),
  };
}
