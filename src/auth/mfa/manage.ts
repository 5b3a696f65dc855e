/**
 * People add and remove their own second factors. Whoever has one proves it first: a stolen login alone must not be able
 * to change what it takes to log in.
 */
import { base64url } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { mfaDeviceFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import { assertAnyMaker } from "../users/second-factor.ts";
import { createTotpDevice, spendTotpCode, type TotpDevice } from "../users/totp.ts";
import { assertDeviceName, type MfaDevice } from "./device.ts";
import { keyIsTaken, type SecondFactors } from "./store.ts";
import { currentPolicy, usableDevices } from "./verify.ts";
import { type Attestation, challengeOf, verifyAttestation } from "./webauthn.ts";

/** Who changes their second factors, for the audit log. */
export interface Owner {
  readonly user: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A registration that waits for the answer of the new device. */
export type Registration = {
  /** Id of the device that its owner showed; absent when they had none. */
  readonly provenBy?: string;
} & (
  | { readonly type: "totp"; readonly device: TotpDevice }
  | { readonly type: "webauthn"; readonly challenge: string; readonly rpId: string }
);

/** What the client shows or does to register. */
export type RegistrationChallenge =
  | { readonly type: "totp"; readonly id: string; readonly device: TotpDevice }
  | {
      readonly type: "webauthn";
      readonly challenge: string;
      readonly rpId: string;
      /** What authenticators know the user by, base64url. */
      readonly userId: string;
      /** Credentials that the user has: the same authenticator is not registered twice. */
      readonly known: readonly string[];
    };

const purpose = "register";
/** More than anybody carries, and few enough to look through at each login. */
const mostDevices = 32;

/** True when the user has a second factor that the cluster takes, so must show it before another is added. */
export async function mustProveFirst(context: AuthContext, user: string): Promise<boolean> {
  const { devices } = await context.credentials.secondFactors.get(user);
  return usableDevices(devices, await currentPolicy(context)).length > 0;
}

/**
 * Opens a registration, good once and for five minutes. `shown` is the second factor that the owner has just shown. Throws
 * `invalid` for a factor that the cluster does not take.
 */
export async function beginRegistration(
  context: AuthContext,
  user: string,
  type: Registration["type"],
  shown: MfaDevice | undefined,
): Promise<RegistrationChallenge> {
  const proof = shown ? { provenBy: shown.id } : {};
  const policy = await currentPolicy(context);
  if (policy.mode === "off") {
    throw new Fault("invalid", "second factor disabled by cluster configuration");
  }
  const id = base64url(context.random(32));
  if (type === "totp") {
    if (!policy.totp) throw notTaken("TOTP");
    const device = createTotpDevice("otp", context.clock.now(), context.random);
    await context.registrations.add(user, purpose, id, { ...proof, type, device });
    return { type, id, device };
  }
  const { rpId } = policy;
  if (rpId === undefined) throw notTaken("webauthn");
  assertAnyMaker(policy);
  const userId = base64url(context.random(32));
  const { secondFactors } = context.credentials;
  await secondFactors.modify(user, (before) =>
    before.webauthnUserId ? undefined : { ...before, webauthnUserId: userId },
  );
  const factors = await secondFactors.get(user);
  await context.registrations.add(user, purpose, id, { ...proof, type, challenge: id, rpId });
  return {
    type,
    challenge: id,
    rpId,
    userId: factors.webauthnUserId ?? userId,
    known: factors.devices.flatMap((device) =>
      device.type === "webauthn" && device.rpId === rpId ? [device.credentialId] : [],
    ),
  };
}

function notTaken(factor: string): Fault {
  return new Fault("invalid", `second factor ${factor} not allowed by cluster`, {
    hint: "what the cluster takes is second_factor and webauthn in: tctl get cap",
  });
}

/** The answer of the new device. */
export type RegistrationAnswer =
  | { readonly type: "totp"; readonly id: string; readonly code: string }
  | { readonly type: "webauthn"; readonly attestation: Attestation };

/** Verifies the answer and stores the device under a name. The event is durable before. Throws `unproven`, `invalid`. */
export async function finishRegistration(
  context: AuthContext,
  owner: Owner,
  name: string,
  answer: RegistrationAnswer,
): Promise<MfaDevice> {
  assertDeviceName(name);
  const { device, provenBy } = await verifiedDevice(context, owner.user, name, answer);
  const { secondFactors } = context.credentials;
  const policy = await currentPolicy(context);
  const assertAllowed = (factors: SecondFactors) => {
    assertStillProven(usableDevices(factors.devices, policy), provenBy);
    assertRoom(factors, device);
  };
  assertAllowed(await secondFactors.get(owner.user));
  await context.audit.record("mfa.add", {
    ...owner.fields,
    user: owner.user,
    ...mfaDeviceFields(device),
  });
  await secondFactors.modify(owner.user, (factors) => {
    assertAllowed(factors);
    return { ...factors, devices: [...factors.devices, device] };
  });
  return device;
}

async function verifiedDevice(
  context: AuthContext,
  user: string,
  name: string,
  answer: RegistrationAnswer,
): Promise<{ readonly device: MfaDevice; readonly provenBy: string | undefined }> {
  const id = answer.type === "totp" ? answer.id : challengeOf(answer.attestation);
  const open = await context.registrations.take(user, purpose, id);
  const policy = await currentPolicy(context);
  const now = context.clock.now();
  if (open?.type === "totp" && answer.type === "totp" && policy.totp) {
    const spent = spendTotpCode({ ...open.device, name }, answer.code, now);
    if (spent) return { device: spent, provenBy: open.provenBy };
    throw new Fault("unproven", "the code of the authenticator app is not right", {
      hint: "begin again, and check that the clock of the app's device is right",
    });
  }
  if (open?.type === "webauthn" && answer.type === "webauthn" && open.rpId === policy.rpId) {
    const device = await verifyAttestation(
      answer.attestation,
      { ...open, name },
      now,
      context.random,
    );
    return { device, provenBy: open.provenBy };
  }
  throw overRegistration();
}

function overRegistration(): Fault {
  return new Fault("not-found", "this registration has expired or was used already", {
    hint: "begin again with: tsh mfa add",
  });
}

/**
 * What a registration began with must still hold when it ends: the factor that was shown is still one, or there still is
 * none. Else a registration that was begun before a reset would survive it.
 */
function assertStillProven(usable: readonly MfaDevice[], provenBy: string | undefined): void {
  const holds =
    provenBy === undefined ? usable.length === 0 : usable.some(({ id }) => id === provenBy);
  if (!holds) throw overRegistration();
}

function assertRoom({ devices }: SecondFactors, added: MfaDevice): void {
  const { name } = added;
  if (devices.some((device) => isSameKey(device, added))) throw keyIsTaken();
  if (devices.some((device) => device.name === name)) {
    throw new Fault("already-exists", `MFA device with name "${name}" already exists`, {
      hint: "choose another name; those in use are listed by: tsh mfa ls",
    });
  }
  if (devices.length >= mostDevices) {
    throw new Fault("limit", `a user has at most ${mostDevices} second factors`, {
      hint: "remove one first: tsh mfa rm NAME",
    });
  }
}

function isSameKey(a: MfaDevice, b: MfaDevice): boolean {
  return a.type === "webauthn" && b.type === "webauthn" && a.credentialId === b.credentialId;
}

/**
 * Removes a device by name or id. The event is durable before. Throws `not-found`, and `invalid` for the last one while
 * the cluster demands a second factor: its owner could not log in again.
 */
export async function removeDevice(
  context: AuthContext,
  owner: Owner,
  nameOrId: string,
): Promise<void> {
  const policy = await currentPolicy(context);
  const { secondFactors } = context.credentials;
  const remaining = (factors: SecondFactors) => {
    const device = findDevice(factors, nameOrId);
    const devices = factors.devices.filter(({ id }) => id !== device.id);
    if (policy.required && usableDevices(devices, policy).length === 0) {
      const kind = policy.mode === "on" ? "MFA" : policy.mode;
      throw new Fault(
        "invalid",
        `cannot delete the last ${kind} device for this user; add a replacement device first to avoid getting locked out`,
        { hint: "add another one first: tsh mfa add" },
      );
    }
    return { device, after: { ...factors, devices } };
  };
  const { device } = remaining(await secondFactors.get(owner.user));
  await context.audit.record("mfa.delete", {
    ...owner.fields,
    user: owner.user,
    ...mfaDeviceFields(device),
  });
  await secondFactors.modify(owner.user, (factors) => remaining(factors).after);
}

/** A name is looked for before an id: nobody can choose an id, and a name may look like one. */
function findDevice({ devices }: SecondFactors, nameOrId: string): MfaDevice {
  const found =
    devices.find(({ name }) => name === nameOrId) ?? devices.find(({ id }) => id === nameOrId);
  if (found) return found;
  throw new Fault("not-found", `MFA device "${nameOrId.slice(0, 64)}" does not exist`, {
    hint: "those that you have are listed by: tsh mfa ls",
  });
}
