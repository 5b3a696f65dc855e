/** The checks of what the cluster and the login know of this machine. */
import { Fault, isFault } from "#base/fault.ts";
import type { DeviceDescription } from "../ceremony/describe.ts";
import type { OnTpmBusy } from "../device/tpm-busy.ts";
import { type DeviceStatus, readDeviceStatus } from "../device-status.ts";
import { type MissingStep, missingSteps } from "../device-steps.ts";
import { findProxy } from "../login.ts";
import { type AgentSettings, openAccess } from "../open-access.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { describeClockSkew, type Ping } from "../web/ping.ts";
import { type CheckResult, check } from "./check.ts";

/** Which login, and where this machine keeps what makes it a device. */
export interface ClusterChecksOptions {
  /** Undefined: nobody is logged in. */
  readonly login: StoredLogin | undefined;
  readonly agent: AgentSettings;
  readonly now: () => Date;
  readonly onTpmBusy?: OnTpmBusy | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asks the proxy; tests give answers of their own. */
  readonly ping?: (login: StoredLogin, place: PingPlace) => Promise<Pick<Ping, "clockAheadMs">>;
}

type PingPlace = Pick<ClusterChecksOptions, "agent" | "now" | "signal">;

const notLoggedIn = { skipped: "nobody is logged in" } as const;

/** Serial number, login, proxy and clock, enrollment, posture rules, and whether the login carries the device. */
export async function* checkCluster(
  options: ClusterChecksOptions,
  deviceKey: CheckResult["outcome"],
): AsyncGenerator<CheckResult> {
  const { agent, now, login, signal } = options;
  const place = { env: agent.env, agent: agent.place.id, now: now(), login, signal, tryKey: false };
  const status = await readDeviceStatus(place);
  const steps = missingSteps(status);
  const find = (...about: readonly MissingStep["about"][]) =>
    steps.find((step) => about.includes(step.about));

  yield await check("serial number", async () => {
    if (status.noAssetTag !== undefined) throw status.noAssetTag;
    return { ok: status.assetTag };
  });
  yield await check("login", async () => {
    const missing = find("login");
    if (missing !== undefined) return { skipped: missing.what, hint: missing.hint };
    const { summary } = status.login ?? {};
    return { ok: `${summary?.user} at ${summary?.proxy}` };
  });
  yield await checkProxy(options);
  const enrollment = await check("enrollment", async () => {
    if (isFault(status.cluster)) throw status.cluster;
    if (status.cluster === undefined) return notLoggedIn;
    const off = find("cluster");
    if (off !== undefined) return { skipped: off.what, hint: off.hint };
    if (status.assetTag === "") return { skipped: "this machine gives no serial number" };
    throwStep(find("enrollment", "lock"));
    return { ok: enrolledText(status, status.cluster) };
  });
  yield enrollment;
  yield await check("posture rules", async () => {
    if (status.cluster === undefined) return notLoggedIn;
    if (enrollment.outcome !== "ok")
      return { skipped: "the device is not enrolled, or not usable" };
    throwStep(find("posture"));
    return { ok: "this device meets those of the cluster and of your roles" };
  });
  yield await check("device in the login", async () => {
    if (login === undefined || status.cluster === undefined) return notLoggedIn;
    if (enrollment.outcome !== "ok")
      return { skipped: "the device is not enrolled, or not usable" };
    if (deviceKey === "problem") return { skipped: "the key of the device cannot be used" };
    return checkCarried(options, login, find("carried"));
  });
}

function checkProxy({ login, ping = pingProxy, ...options }: ClusterChecksOptions) {
  return check("proxy", async () => {
    if (login === undefined) return notLoggedIn;
    const { clockAheadMs } = await ping(login, options);
    const skew = describeClockSkew(clockAheadMs);
    if (skew !== undefined) {
      throw new Fault("environment", skew, {
        hint: "set the clock: sudo timedatectl set-ntp true",
      });
    }
    return { ok: "it answers, and the clocks agree" };
  });
}

async function pingProxy(
  { folder, document }: StoredLogin,
  { agent, now, signal }: PingPlace,
): Promise<Ping> {
  const { web, answer } = await findProxy({
    ...{ folder, env: agent.env, now, insecure: false, proxy: document.webProxyAddr },
    ...(signal === undefined ? {} : { signal }),
  });
  web.close();
  return answer;
}

/** Asks whoever does the work of commands: it authenticates the device if that has not been done. */
async function checkCarried(
  { agent, onTpmBusy }: ClusterChecksOptions,
  login: StoredLogin,
  step: MissingStep | undefined,
): Promise<{ readonly ok: string }> {
  const access = await openAccess(login, agent, onTpmBusy);
  try {
    const { assetTag, problem } = await access.device();
    if (assetTag !== undefined) return { ok: assetTag };
    const why = problem === undefined ? "" : `: ${problem}`;
    throw new Fault("environment", `the login does not carry this device${why}`, {
      hint: step?.hint ?? "log in again with: tsh logout; tsh login",
    });
  } finally {
    access.close();
  }
}

function throwStep(step: MissingStep | undefined): void {
  if (step === undefined) return;
  throw new Fault("environment", step.what, { hint: step.hint });
}

function enrolledText({ assetTag }: DeviceStatus, { owner }: DeviceDescription): string {
  return `${assetTag} is enrolled by ${owner ?? "nobody"}, with the key of this machine`;
}
