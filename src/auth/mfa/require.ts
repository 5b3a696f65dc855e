/**
 * Somebody who is logged in shows a second factor before something that a stolen login must not do. Wrong answers count
 * against the user as wrong logins do: the login closes after too many, whoever guesses.
 */
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { mfaDeviceFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import type { MfaDevice } from "./device.ts";
import { type ChallengeScope, type SecondFactorAnswer, scopeNames, spendAnswer } from "./verify.ts";

/** Spends the answer; both outcomes are audit events, durable before this returns. Throws `access-denied`. */
export async function requireSecondFactor(
  context: AuthContext,
  caller: UserIdentity,
  answer: SecondFactorAnswer,
  scope: ChallengeScope,
): Promise<MfaDevice> {
  const { username: user } = caller;
  const { credentials, clock } = context;
  const now = clock.now();
  const until = await credentials.countTry(user, now);
  const device = until ? undefined : await spendAnswer(context, user, answer, scope);
  if (device) await credentials.takeBackTry(user, now);
  const common = { ...actorOf(caller), challenge_scope: scopeNames[scope] };
  if (device) {
    await context.audit.record("mfa_auth_challenge.validate", {
      ...common,
      success: true,
      mfa_device: mfaDeviceFields(device),
    });
    return device;
  }
  const error = until
    ? `second factors are closed until ${until.toISOString()} after too many failures`
    : "invalid or spent second factor";
  await context.audit.record("mfa_auth_challenge.validate", { ...common, success: false, error });
  throw new Fault("access-denied", error, {
    hint: until
      ? "wait, or ask an administrator for a reset: tctl users reset NAME"
      : "try again with a code that was not used yet",
  });
}
