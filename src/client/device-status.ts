/**
 * How far this machine has come as a trusted device: what it says itself, what the login says, what the cluster says. Needs
 * neither a TPM nor a login; what is not there is told as such.
 */
import { type Fault, isFault } from "#base/fault.ts";
import type { OsType } from "#devicetrust/messages.ts";
import type { DeviceDescription } from "./ceremony/describe.ts";
import type { DevicePlatform } from "./device/platform.ts";
import type { Environment } from "./device-state.ts";
import type { StoredLogin } from "./profile/logins.ts";
import type { LoginSummary } from "./profile/summary.ts";

/** What is known. */
export interface DeviceStatus {
  readonly osType: OsType;
  /** Empty when the machine gives none. */
  readonly assetTag: string;
  /** Why it gives none. */
  readonly noAssetTag: Fault | undefined;
  readonly key: DeviceKeyState;
  /** Undefined: nobody is logged in. */
  readonly login: LoginState | undefined;
  /** What the cluster says, or why it says nothing; undefined without a login that could ask. */
  readonly cluster: DeviceDescription | Fault | undefined;
}

/** The key that this machine holds; no id: none. `problem`: there is a file that cannot be used. */
export interface DeviceKeyState {
  readonly credentialId: string | undefined;
  readonly problem: Fault | undefined;
}

/** A login as the profile holds it. */
export interface LoginState {
  readonly summary: LoginSummary;
  readonly expired: boolean;
}

/** Where to look. */
export interface DeviceStatusOptions {
  readonly env: Environment;
  readonly now: Date;
  /** Id of this machine's agent. */
  readonly agent: string;
  readonly login: StoredLogin | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Looks everywhere. Throws only for what is no failure of this machine or its cluster. */
export async function readDeviceStatus(options: DeviceStatusOptions): Promise<DeviceStatus> {
  const { thisPlatform } = await import("./ceremony/this-device.ts");
  const platform = await thisPlatform();
  const { env, now } = options;
  const { osType } = platform;
  const { serialNumber: assetTag } = await platform.collect({ env, now, escalation: undefined });
  const noAssetTag = assetTag === "" ? await platform.explainNoSerialNumber(env) : undefined;
  const key = await readKeyState(platform, env);
  const login = await readLoginState(options);
  const { credentialId } = key;
  const cluster =
    options.login === undefined || login === undefined || login.expired
      ? undefined
      : await askCluster(options.login, { osType, assetTag, credentialId }, options.signal);
  return { osType, assetTag, noAssetTag, key, login, cluster };
}

async function readKeyState(platform: DevicePlatform, env: Environment): Promise<DeviceKeyState> {
  const device = platform.openAuthenticator(env);
  try {
    return { credentialId: await device.findCredentialId(), problem: undefined };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { credentialId: undefined, problem: error };
  } finally {
    await device.close();
  }
}

async function readLoginState({
  login,
  agent,
  now,
}: DeviceStatusOptions): Promise<LoginState | undefined> {
  if (login === undefined) return undefined;
  const { summarizeLogin } = await import("./profile/summary.ts");
  const summary = await summarizeLogin(login, agent, now);
  return summary && { summary, expired: Date.parse(summary.validUntil) <= now.getTime() };
}

async function askCluster(
  login: StoredLogin,
  question: { osType: OsType; assetTag: string; credentialId: string | undefined },
  signal: AbortSignal | undefined,
): Promise<DeviceDescription | Fault> {
  const { describeDevice } = await import("./ceremony/describe.ts");
  const { openAuth } = await import("./open-auth.ts");
  try {
    const auth = await openAuth(login, signal);
    try {
      return await describeDevice(auth, question);
    } finally {
      await auth.close();
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    return error;
  }
}
