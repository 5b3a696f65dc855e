/**
 * Whether somebody who names a user has one of their second factors. Codes and challenges are spent before the answer;
 * a factor that was removed, or that the cluster no longer takes, is worth nothing at once.
 */
import { base64url } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import { singletons } from "../store/stores.ts";
import { type SecondFactorPolicy, secondFactorPolicy } from "../users/second-factor.ts";
import { spendTotpCode } from "../users/totp.ts";
import type { MfaDevice, WebauthnDevice } from "./device.ts";
import { type Assertion, challengeOf, verifyAssertion } from "./webauthn.ts";

/** What a proof is for. One made for one scope is worth nothing in another. */
export type ChallengeScope = "login" | "manage-devices" | "user-session";

/** Scopes in the words of events. */
export const scopeNames: Readonly<Record<ChallengeScope, string>> = {
  login: "CHALLENGE_SCOPE_LOGIN",
  "manage-devices": "CHALLENGE_SCOPE_MANAGE_DEVICES",
  "user-session": "CHALLENGE_SCOPE_USER_SESSION",
};

/** What a person shows. */
export type SecondFactorAnswer =
  | { readonly type: "totp"; readonly code: string }
  | { readonly type: "webauthn"; readonly assertion: Assertion };

/** What was asked for: codes, and an assertion of one of these credentials. */
export interface Challenge {
  readonly totp: boolean;
  readonly webauthn?: {
    /** Base64url. */
    readonly challenge: string;
    readonly rpId: string;
    readonly credentialIds: readonly string[];
  };
}

type Parts = Pick<
  AuthContext,
  "stores" | "credentials" | "clock" | "random" | "challenges" | "audit"
>;

/** What the cluster takes and demands now. */
export async function currentPolicy({
  stores,
}: Pick<AuthContext, "stores">): Promise<SecondFactorPolicy> {
  const { spec } = await stores.authPreference.get(singletons.authPreference);
  return secondFactorPolicy(spec);
}

/** Those of the devices that the cluster takes. */
export function usableDevices(
  devices: readonly MfaDevice[],
  { totp, rpId }: SecondFactorPolicy,
): readonly MfaDevice[] {
  return devices.filter((device) =>
    device.type === "totp" ? totp : rpId !== undefined && device.rpId === rpId,
  );
}

/** Opens a challenge to the second factors that the user has. It asks for nothing when they have none. */
export async function createChallenge(
  context: Parts,
  user: string,
  scope: ChallengeScope,
): Promise<Challenge> {
  const policy = await currentPolicy(context);
  const { devices } = await context.credentials.secondFactors.get(user);
  const usable = usableDevices(devices, policy);
  const credentialIds = usable.flatMap((device) =>
    device.type === "webauthn" ? [device.credentialId] : [],
  );
  const totp = usable.some(({ type }) => type === "totp");
  if (usable.length === 0) return { totp: false };
  const challenge = base64url(context.random(32));
  await context.challenges.add(user, scope, challenge, {});
  await context.audit.record("mfa_auth_challenge.create", {
    user,
    challenge_scope: scopeNames[scope],
  });
  const { rpId } = policy;
  if (rpId === undefined || credentialIds.length === 0) return { totp };
  return { totp, webauthn: { challenge, rpId, credentialIds } };
}

/**
 * Spends the answer to an open challenge of this scope; undefined when it is not right. A code does not say which
 * challenge it answers, so it takes one of the scope. A wrong answer takes the challenge with it.
 */
export async function spendAnswer(
  context: Parts,
  user: string,
  answer: SecondFactorAnswer,
  scope: ChallengeScope,
): Promise<MfaDevice | undefined> {
  if (answer.type === "webauthn") return spendAssertion(context, user, answer.assertion, scope);
  const open = await context.challenges.takeAny(user, scope);
  return open && (await spendCode(context, user, answer.code));
}

/** Spends a one-time code; undefined when it is not right, or was used before. */
export async function spendCode(
  context: Parts,
  user: string,
  code: string,
): Promise<MfaDevice | undefined> {
  const policy = await currentPolicy(context);
  let spent: MfaDevice | undefined;
  await context.credentials.secondFactors.modify(user, (factors) => {
    spent = undefined;
    const devices = factors.devices.map((device) => {
      if (spent || device.type !== "totp" || usableDevices([device], policy).length === 0) {
        return device;
      }
      spent = spendTotpCode(device, code, context.clock.now());
      return spent ?? device;
    });
    return spent && { ...factors, devices };
  });
  return spent;
}

async function spendAssertion(
  context: Parts,
  user: string,
  assertion: Assertion,
  scope: ChallengeScope,
): Promise<MfaDevice | undefined> {
  const now = context.clock.now();
  try {
    const challenge = challengeOf(assertion);
    if (!(await context.challenges.take(user, scope, challenge))) return undefined;
    const policy = await currentPolicy(context);
    const { devices, webauthnUserId } = await context.credentials.secondFactors.get(user);
    const device = usableDevices(devices, policy).find(
      (known): known is WebauthnDevice =>
        known.type === "webauthn" && known.credentialId === assertion.credentialId,
    );
    if (!device) return undefined;
    if (assertion.userHandle && assertion.userHandle !== webauthnUserId) return undefined;
    const used = await verifyAssertion(assertion, device, challenge, now);
    return await moveOn(context, user, device, used);
  } catch (error) {
    if (isFault(error, "unproven", "malformed")) return undefined;
    throw error;
  }
}

/** Stores the new marks, unless the device was removed or used meanwhile. */
async function moveOn(
  { credentials }: Parts,
  user: string,
  before: WebauthnDevice,
  after: WebauthnDevice,
): Promise<MfaDevice | undefined> {
  let stored: MfaDevice | undefined;
  await credentials.secondFactors.modify(user, (factors) => {
    const current = factors.devices.find(({ id }) => id === before.id);
    const unchanged = current?.type === "webauthn" && current.counter === before.counter;
    stored = unchanged ? after : undefined;
    return (
      stored && {
        ...factors,
        devices: factors.devices.map((device) => (device.id === before.id ? after : device)),
      }
    );
  });
  return stored;
}
