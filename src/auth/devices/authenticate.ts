/**
 * Device authentication as auth performs it: which certificates are to be marked, which device is asked; then the ceremony
 * of `#devicetrust`, and both certificates issued again with the device in them. They gain nothing else: same keys, same
 * words, same end.
 */
import { checkLocks } from "#access/access-checks.ts";
import { Fault, isFault } from "#base/fault.ts";
import {
  type AuthenticatingDevice,
  type Authentication,
  type AuthenticationState,
  beginAuthentication,
  type FinishAuthenticationDeps,
  finishAuthentication,
} from "#devicetrust/authentication.ts";
import type { BootFacts } from "#devicetrust/device-facts.ts";
import { receiptOf, type ShownEpoch } from "#devicetrust/epoch.ts";
import type {
  AuthenticateChallenge,
  AuthenticateInit,
  AuthenticateResponse,
} from "#devicetrust/messages.ts";
import { refuseCeremony } from "#devicetrust/refusal.ts";
import { decodeExtensions } from "#identity/extensions.ts";
import type { DeviceExtensions, UserIdentity } from "#identity/identity.ts";
import type { Device } from "#resource/device.ts";
import { type Certificate, parseCertificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { identityFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { certifyUser } from "../users/certify.ts";
import { lockedUserFault } from "../users/locked-user.ts";
import { baselineOf } from "./attestation.ts";
import { checkClock, markClock } from "./clock.ts";
import { endCopiedEnrollment, provesCopy } from "./copies.ts";
import {
  type DeviceChange,
  type DeviceRecord,
  type DeviceState,
  lastCollected,
  recentKept,
  withCertificatesUntil,
} from "./device-state.ts";
import { readCredential, requirePerson } from "./enroll.ts";
import { askForEpoch, checkEpoch, type EpochAnswer } from "./epochs.ts";
import { callerFields, deviceFields, recordBoot, recordSuccess } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";
import { collectedDocument, readCollectedDocument } from "./messages.ts";
import { assertDeviceTrustOn, readDeviceTrust } from "./policy.ts";

/** What an authentication works with. */
export interface AuthenticateContext {
  readonly context: AuthContext;
  readonly inventory: DeviceInventory;
}

/** An authentication between its challenge and the answer. */
export interface PendingAuthentication extends ChallengedDevice {
  readonly challenge: AuthenticateChallenge;
  readonly state: AuthenticationState;
  readonly channelKey: Uint8Array;
  readonly ssh: SshHalf;
}

/** The SSH certificate that the client sent, and what it says. */
interface SshHalf {
  readonly certificate: Certificate;
  readonly identity: UserIdentity;
}

/** Both certificates, marked with the device. */
export interface MarkedCertificates {
  /** DER. */
  readonly tls: Uint8Array;
  /** SSH certificate blob. */
  readonly ssh: Uint8Array;
  /** For the epoch that the device has shown; undefined when it has shown none. */
  readonly receipt: Uint8Array | undefined;
}

/** Everything up to the challenge. `found` is told the device as soon as it is known, for the audit of a failure. */
export async function beginDeviceAuthentication(
  { context, inventory }: AuthenticateContext,
  call: AuthCall,
  init: AuthenticateInit,
  sshLine: string,
  found: (device: Device) => void,
): Promise<PendingAuthentication> {
  const { user, channelKey } = requirePerson(call);
  if (user.disallowReissue) throw refuse("no_reissue", "the certificate may not be exchanged");
  const settings = await readDeviceTrust(context);
  assertDeviceTrustOn(settings);
  const ssh = readSshHalf(context, call, user, sshLine);
  const state = await inventory.findByCredential(init.credentialId);
  if (state) found(state.device);
  const challenged = context.clock.now();
  const { challenge, state: pending } = beginAuthentication(init, {
    now: challenged,
    random: context.random,
    device: state && authenticatingDevice(state),
    channelKey,
    policy: settings.policy,
  });
  if (state === undefined) throw refuse("unknown_device", "no device has this credential");
  await assertNotLocked(context, user, state.device);
  return {
    challenge,
    device: state.device,
    state: pending,
    user,
    channelKey,
    ssh,
    challenged,
    series: askForEpoch(state.record, context.random),
  };
}

/** Checks the answer, remembers it, and issues the certificates; the audit events are durable before they leave. */
export async function finishDeviceAuthentication(
  parts: AuthenticateContext,
  call: AuthCall,
  pending: PendingAuthentication,
  response: AuthenticateResponse,
  epoch: ShownEpoch | undefined,
): Promise<MarkedCertificates> {
  const { context } = parts;
  const { device, user, channelKey, ssh } = pending;
  const now = context.clock.now();
  const sshKey = new Uint8Array(ssh.certificate.key.key.export({ type: "spki", format: "der" }));
  const proven = await proveDevice(parts, pending, response, { now, sshKey });
  const until = new Date(Math.max(user.expires.getTime(), ssh.identity.expires.getTime()));
  const remembered = await rememberAuthentication(parts, call, pending, { proven, until, epoch });
  const marked = {
    tls: { ...user, device: proven.device },
    ssh: { ...ssh.identity, device: proven.device },
  };
  const certificates = {
    ...(await certifyUser(context, marked.tls, { tls: channelKey })),
    ...(await certifyUser(context, marked.ssh, { ssh: ssh.certificate.key.blob })),
  };
  await recordFindings(context, call, device, proven, remembered.warnings);
  await recordSuccess(context, "device.authenticate", call, deviceFields(device));
  await context.audit.record("cert.create", {
    ...callerFields(call),
    cert_type: "user",
    identity: identityFields(marked.tls),
  });
  if (!certificates.tls || !certificates.ssh)
    throw new Fault("internal", "a certificate is missing");
  return { tls: certificates.tls, ssh: certificates.ssh, receipt: remembered.receipt };
}

/** An authentication up to its challenge, as far as its proof is remembered. */
export interface ChallengedDevice {
  readonly device: Device;
  readonly user: UserIdentity;
  /** When the challenge was made. */
  readonly challenged: Date;
  /** The series of epochs that the device is asked about. */
  readonly series: Uint8Array;
}

/** What a device proved, for how long its certificates may name it, and the epoch that it showed. */
interface ShownProof {
  readonly proven: Authentication;
  readonly until: Date;
  readonly epoch: ShownEpoch | undefined;
}

/** What was odd about a proof, for {@link recordFindings}; and the receipt for the epoch, if the device has shown one. */
interface RememberedProof {
  readonly warnings: readonly string[];
  readonly receipt: Uint8Array | undefined;
}

/** Checks the answer. A boot that the rules refuse is remembered: whoever wants to approve it must see what it was. */
export async function proveDevice(
  { inventory }: AuthenticateContext,
  { state, device, user }: Pick<PendingAuthentication, "state" | "device" | "user">,
  response: AuthenticateResponse,
  deps: Omit<FinishAuthenticationDeps, "seenBoot">,
): Promise<Authentication> {
  let boot: BootFacts | undefined;
  const seenBoot = (facts: BootFacts) => {
    boot = facts;
  };
  try {
    return finishAuthentication(state, response, { ...deps, seenBoot });
  } catch (error) {
    if (boot !== undefined) await rememberRefusedBoot(inventory, device, user, boot);
    throw error;
  }
}

/**
 * Remembers a proof: what the device said, its clock and epoch, and until when certificates may name it. Refuses when the
 * device was locked, unenrolled or got another key meanwhile; and ends the enrollment of one that exists twice.
 */
export async function rememberAuthentication(
  { context, inventory }: AuthenticateContext,
  call: AuthCall,
  { device, user, challenged, series }: ChallengedDevice,
  { proven, until, epoch }: ShownProof,
): Promise<RememberedProof> {
  await assertNotLocked(context, user, device);
  const now = context.clock.now();
  const warnings = [
    ...proven.drift.map(({ field, before, after }) => `${field} was "${before}" and is "${after}"`),
    ...proven.platformDrift.changedPcrs.map(
      (index) => `PCR ${index} changed since the last authentication`,
    ),
  ];
  const { record } = await inventory
    .modify(device.metadata.name, user.username, (before) => {
      const answer = { asked: series, shown: epoch, random: context.random };
      const change = authenticatedChange(before, proven, until, { now, challenged, answer });
      warnings.push(...change.warnings);
      return change;
    })
    .catch(async (error: unknown) => {
      if (!provesCopy(error)) throw error;
      throw await endCopiedEnrollment({ context, inventory }, call, device, error);
    });
  return {
    warnings: [...new Set(warnings)],
    receipt: record.epoch && receiptOf(record.epoch),
  };
}

/** Writes what was odd about a proof, and what it lacks by rules that only report. */
export async function recordFindings(
  context: AuthContext,
  call: AuthCall,
  device: Device,
  { boot }: Pick<Authentication, "boot">,
  warnings: readonly string[],
): Promise<void> {
  const fields = deviceFields(device);
  for (const message of warnings) {
    await context.audit.record("device.drift", { ...callerFields(call), device: fields, message });
  }
  await recordBoot(context, call, fields, boot?.findings ?? []);
}

/** The record after a success. Refuses when the device was unenrolled or got another key meanwhile. */
function authenticatedChange(
  { device, record }: DeviceState,
  { device: proven, collectedData, platform, boot }: Authentication,
  until: Date,
  {
    now,
    challenged,
    answer,
  }: { readonly now: Date; readonly challenged: Date; readonly answer: EpochAnswer },
): DeviceChange & { readonly warnings: readonly string[] } {
  if (device.spec.credential?.id !== proven.credentialId) {
    throw refuse("not_enrolled", "the device was unenrolled during its authentication");
  }
  const clock = platform && markClock(platform.clock, now);
  const firmware = clock && checkClock(record.clock, clock, challenged);
  const epoch = checkEpoch(record, answer);
  const collected = collectedDocument(collectedData);
  const { refusedBoot: _, ...kept } = record;
  const next: DeviceRecord = {
    ...withCertificatesUntil(kept, until),
    recent: [...record.recent.map(withoutEvidence), collected].slice(-recentKept),
    ...(clock ? { clock } : {}),
    ...epoch.record,
    ...(boot ? { boot: boot.facts } : {}),
  };
  const warnings = [firmware, epoch.warning].filter((warning) => warning !== undefined);
  return { device, record: next, warnings };
}

/** An administrator who wants to approve the boot must see what it was. */
async function rememberRefusedBoot(
  inventory: DeviceInventory,
  { metadata, spec }: Device,
  user: UserIdentity,
  refusedBoot: BootFacts,
): Promise<void> {
  await inventory.modify(metadata.name, user.username, ({ device, record }) => {
    const same = device.spec.credential?.id === spec.credential?.id;
    return { device, record: same ? { ...record, refusedBoot } : record };
  });
}

/** Evidence of the newest answer is enough; it is by far the largest part of a record. */
function withoutEvidence({
  tpm_platform_attestation: _,
  ...texts
}: DeviceRecord["recent"][number]): DeviceRecord["recent"][number] {
  return texts;
}

/** The device as the ceremony looks at it. */
export function authenticatingDevice({ device, record }: DeviceState): AuthenticatingDevice {
  const { os_type, asset_tag, enroll_status, credential } = device.spec;
  const last = lastCollected(record);
  return {
    id: device.metadata.name,
    osType: os_type,
    assetTag: asset_tag,
    enrolled: enroll_status === "enrolled",
    credential: credential && readCredential(credential),
    lastCollected: last && readCollectedDocument(last),
    baseline: baselineOf(record),
  };
}

/**
 * The SSH certificate must be ours, good now and from here, and say the same person as the connection. Otherwise a stolen
 * one could be marked with the thief's device, or the other way round.
 */
function readSshHalf(
  { authorities, clock, clusterName }: AuthContext,
  call: AuthCall,
  user: UserIdentity,
  line: string,
): SshHalf {
  if (line.trim() === "") {
    throw new Fault("invalid", "the SSH certificate to be marked is missing", {
      audit: { reason: "ssh_certificate_missing" },
    });
  }
  let ssh: SshHalf;
  try {
    const certificate = parseCertificate(parseAuthorizedKey(line).blob);
    checkCertificate(certificate, {
      type: "user",
      authorities: [authorities.ssh("user").publicKey],
      now: clock.now(),
      principal: certificate.principals[0] ?? "",
      sourceAddress: call.peer.address,
    });
    ssh = { certificate, identity: decodeExtensions(certificate, clusterName) };
  } catch (cause) {
    if (!isFault(cause, "malformed", "unproven", "invalid")) throw cause;
    throw refuse("ssh_certificate", cause.message);
  }
  const { identity } = ssh;
  const same = identity.username === user.username && user.cluster === clusterName;
  if (!same) throw refuse("other_user", "the two certificates do not name the same person");
  if (
    identity.botName !== undefined ||
    identity.impersonator !== undefined ||
    identity.disallowReissue
  ) {
    throw refuse("ssh_certificate", "the SSH certificate is not that of a person");
  }
  return ssh;
}

/** Refuses where a lock strikes the person or the device. */
export async function assertNotLocked(
  { stores, clock }: AuthContext,
  user: UserIdentity,
  { metadata, spec }: Device,
): Promise<void> {
  const device: DeviceExtensions = {
    deviceId: metadata.name,
    assetTag: spec.asset_tag,
    credentialId: spec.credential?.id ?? "",
  };
  const refusal = checkLocks({ ...user, device }, await stores.locks.all(), clock.now());
  if (refusal) throw refuse("locked", refusal.message);
  const person = await stores.users.find(user.username);
  const locked = person && lockedUserFault(person);
  if (locked) throw refuse("locked", locked.message);
}

function refuse(reason: string, why: string): Fault {
  return refuseCeremony("authentication", reason, why);
}
