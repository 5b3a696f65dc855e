/**
 * Local login: password and second factor. One ordered flow, the same for every user name, known or not: the same
 * words, the same cost, the same lockout. What went wrong stands in the audit event only.
 */
import { explained } from "#audit/refusal.ts";
import { Fault } from "#base/fault.ts";
import type { User } from "#resource/user.ts";
import type { AuthContext } from "../context.ts";
import type { MfaDevice } from "../mfa/device.ts";
import {
  type Challenge,
  createChallenge,
  currentPolicy,
  type SecondFactorAnswer,
  spendAnswer,
  spendCode,
  usableDevices,
} from "../mfa/verify.ts";
import { singletons } from "../store/stores.ts";
import { type Credentials, noCredentials } from "./credentials.ts";
import { lockedUserFault } from "./locked-user.ts";

/** Who asks, for the audit log. */
export interface LoginClient {
  readonly clientIp: string;
  readonly userAgent: string;
}

/** A login that was proved. */
export interface ProvenLogin {
  readonly user: User;
  /** The second factor that was shown; absent when the cluster wants none. */
  readonly device?: MfaDevice;
}

/** The one sentence for everything that can be wrong with a login. Clients match on it. */
export const badLogin = "invalid username, password or second factor";

const maxName = 512;

/**
 * Checks the password alone, and opens a challenge to the second factors that the user has: none where the cluster wants
 * none. Throws `unproven`, or `limit` for an address from which too much was wrong.
 */
export function beginLogin(
  context: AuthContext,
  name: string,
  password: string,
  client: LoginClient,
): Promise<Challenge> {
  return context.failures.run(client.clientIp, async () => {
    const { moment } = await provePassword(context, name, password, client);
    await context.credentials.takeBackTry(name, moment);
    const { mode } = await currentPolicy(context);
    return mode === "off" ? { totp: false } : createChallenge(context, name, "login");
  });
}

/**
 * Checks password and second factor. The answer is spent, and that is durable, before this returns; the failures are
 * forgotten. The caller writes the event of the success. Throws `unproven`, `locked` for a user who is locked, or `limit`
 * for an address from which too much was wrong.
 */
export function proveLogin(
  context: AuthContext,
  name: string,
  password: string,
  answer: SecondFactorAnswer,
  client: LoginClient,
): Promise<ProvenLogin> {
  return context.failures.run(client.clientIp, () =>
    tryLogin(context, name, password, answer, client),
  );
}

async function tryLogin(
  context: AuthContext,
  name: string,
  password: string,
  answer: SecondFactorAnswer,
  client: LoginClient,
): Promise<ProvenLogin> {
  const subject = await provePassword(context, name, password, client);
  const { user } = subject;
  const wanted = await wantsSecondFactor(context, name);
  // A code comes with the password, so needs no challenge before it.
  const device = !wanted
    ? undefined
    : answer.type === "totp"
      ? await spendCode(context, name, answer.code)
      : await spendAnswer(context, name, answer, "login");
  if (wanted && !device) {
    return refuse(context, subject, client, "wrong, spent or missing second factor");
  }
  const locked = lockedUserFault(user);
  if (locked)
    throw explained(locked, await recordFailure(context, subject, client, locked.message));
  await context.credentials.clearAttempts(name);
  return device ? { user, device } : { user };
}

interface Subject {
  readonly name: string;
  readonly user: User | undefined;
  readonly credentials: Credentials;
}

/** What a login and its beginning have in common: who it is, whether it is open, and whether the password holds. */
async function provePassword(
  context: AuthContext,
  name: string,
  password: string,
  client: LoginClient,
): Promise<Subject & { readonly user: User; readonly moment: Date }> {
  const subject = await findSubject(context, name);
  await assertLocalAuth(context);
  const moment = await countTry(context, subject, client);
  const { user, credentials } = subject;
  const holds = await context.passwords.verify(password, credentials.passwordHash);
  if (!holds || !user) {
    return refuse(context, subject, client, "wrong password or unknown user");
  }
  return { ...subject, user, moment };
}

async function findSubject(context: AuthContext, name: string): Promise<Subject> {
  if (!isPossibleName(name)) return { name, user: undefined, credentials: noCredentials };
  const [user, credentials] = await Promise.all([
    context.stores.users.find(name),
    context.credentials.get(name),
  ]);
  return { name, user, credentials: user ? credentials : noCredentials };
}

/** Strangers choose the name: what no user can be called is not looked up. */
function isPossibleName(name: string): boolean {
  return name !== "" && name.length <= maxName && name.isWellFormed();
}

/** Counts this try, and gives its moment. Refuses when the login is closed. */
async function countTry(
  context: AuthContext,
  subject: Subject,
  client: LoginClient,
): Promise<Date> {
  const now = context.clock.now();
  const until = await context.credentials.countTry(subject.name, now);
  if (!until) return now;
  // The password is hashed all the same, so that the answer takes as long as any other.
  await context.passwords.verify("-", undefined);
  const reason = `too many failures, closed until ${until.toISOString()}`;
  return refuse(context, subject, client, reason);
}

/** Throws `access-denied` when the cluster takes no passwords at all. */
async function assertLocalAuth(context: AuthContext): Promise<void> {
  const { spec } = await context.stores.authPreference.get(singletons.authPreference);
  if (spec.allow_local_auth) return;
  throw new Fault("access-denied", "this cluster does not take local logins", {
    hint: "an administrator can allow them: tctl edit cap, allow_local_auth: true",
  });
}

/** Whether this login needs a second factor: what the cluster says, and for `optional` whether the user has one. */
async function wantsSecondFactor(context: AuthContext, name: string): Promise<boolean> {
  const policy = await currentPolicy(context);
  if (policy.mode !== "optional") return policy.required;
  const { devices } = await context.credentials.secondFactors.get(name);
  return usableDevices(devices, policy).length > 0;
}

async function refuse(
  context: AuthContext,
  subject: Subject,
  client: LoginClient,
  reason: string,
): Promise<never> {
  await recordFailure(context, subject, client, reason);
  throw new Fault("unproven", badLogin, { audit: { reason } });
}

async function recordFailure(
  context: AuthContext,
  subject: Subject,
  client: LoginClient,
  reason: string,
): Promise<string> {
  return context.audit.record("user.login", {
    success: false,
    user: subject.name.slice(0, maxName).toWellFormed(),
    method: "local",
    error: badLogin,
    message: reason,
    user_agent: client.userAgent,
    "addr.remote": client.clientIp,
  });
}
