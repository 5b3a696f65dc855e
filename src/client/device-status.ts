/**
 * How far this machine has come as a trusted device: what it says itself, whether what holds its key works, what the login
 * says, what the cluster says. Needs neither a TPM nor a login; what is not there is told as such.
 */
import { type Fault, isFault } from "#base/fault.ts";
import type { OsType } from "#devicetrust/messages.ts";
import type { DeviceDescription } from "./ceremony/describe.ts";
import type { DevicePlatform } from "./device/platform.ts";
import type { OnTpmBusy } from "./device/tpm-busy.ts";
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

/** The key that this machine holds; no id: none, or a damaged file. */
export interface DeviceKeyState {
  readonly credentialId: string | undefined;
  /** There is a file, and no key in it can be read. */
  readonly damaged: boolean;
  /** Why neither this key nor a new one could be used: its file is damaged, or the hardware is missing or another. */
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
  /** Told when the TPM keeps us waiting. */
  readonly onTpmBusy?: OnTpmBusy | undefined;
  /** False: does not try what holds the key, because the caller has. */
  readonly tryKey?: boolean;
}

/** Looks everywhere. Throws only for what is no failure of this machine or its cluster. */
export async function readDeviceStatus(options: DeviceStatusOptions): Promise<DeviceStatus> {
  const { thisPlatform } = await import("./ceremony/this-device.ts");
  const platform = await thisPlatform();
  const { env, now } = options;
  const { osType } = platform;
  const { serialNumber: assetTag } = await platform.collect({ env, now, escalation: undefined });
  const noAssetTag = assetTag === "" ? await platform.explainNoSerialNumber(env) : undefined;
  const key = await readKeyState(platform, options);
  const login = await readLoginState(options);
  const { credentialId } = key;
  const cluster =
    options.login === undefined || login === undefined || login.expired
      ? undefined
      : await askCluster(options.login, { osType, assetTag, credentialId }, options.signal);
  return { osType, assetTag, noAssetTag, key, login, cluster };
}

async function readKeyState(
  platform: DevicePlatform,
  { env, onTpmBusy, tryKey = true }: DeviceStatusOptions,
): Promise<DeviceKeyState> {
  const device = platform.openAuthenticator(env, onTpmBusy);
  try {
    const credentialId = await device.findCredentialId().catch(faultOf);
    if (isFault(credentialId)) {
      return { credentialId: undefined, damaged: true, problem: credentialId };
    }
    const problem = tryKey ? await device.check().catch(faultOf) : undefined;
    return { credentialId, damaged: false, problem: isFault(problem) ? problem : undefined };
  } finally {
    await device.close();
  }
}

function faultOf(error: unknown): Fault {
  if (isFault(error)) return error;
  throw error;
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
    return faultOf(error);
  }
}
