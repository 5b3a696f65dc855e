/** What is missing for this machine to be a trusted device of the login, and what to type. Pure. */
import { isFault } from "#base/fault.ts";
import type { DeviceDescription, UnmetRule } from "./ceremony/describe.ts";
import type { DeviceStatus } from "./device-status.ts";

/** One thing that is missing. */
export interface MissingStep {
  /** The part of the way that it belongs to. */
  readonly about:
    | "serial"
    | "key"
    | "login"
    | "cluster"
    | "enrollment"
    | "lock"
    | "posture"
    | "boot"
    | "carried";
  readonly what: string;
  /** What to type or do. */
  readonly hint: string;
}

const enrollAlone = "tsh device enroll --current-device";

/** The steps in the order in which they are to be made. None: everything is there. */
export function missingSteps(status: DeviceStatus): MissingStep[] {
  const { assetTag, noAssetTag, key, login, cluster } = status;
  const steps: MissingStep[] = [];
  if (noAssetTag !== undefined) steps.push(faultStep("serial", noAssetTag));
  if (key.problem !== undefined) steps.push(faultStep("key", key.problem));
  if (login === undefined) {
    steps.push({
      about: "login",
      what: "nobody is logged in",
      hint: "log in with: tsh login --proxy=HOST --user=NAME",
    });
  } else if (login.expired) {
    steps.push({
      about: "login",
      what: "the login has expired",
      hint: `log in again with: tsh login --proxy=${login.summary.proxy} --user=${login.summary.user}`,
    });
  }
  if (cluster === undefined) return steps;
  if (isFault(cluster)) return [...steps, faultStep("cluster", cluster)];
  if (cluster.clusterMode === "off") {
    return [
      ...steps,
      {
        about: "cluster",
        what: "device trust is switched off in this cluster",
        hint: "an administrator can switch it on: tctl edit cap, device_trust.mode",
      },
    ];
  }
  if (assetTag === "") return steps;
  const enrollment = enrollmentStep(status, cluster);
  if (enrollment !== undefined) return [...steps, enrollment];
  if (cluster.lock !== undefined) {
    const hint = "ask an administrator to remove the lock: tctl locks ls, tctl locks rm ID";
    return [...steps, { about: "lock", what: cluster.lock, hint }];
  }
  steps.push(...cluster.unmetRules.map(postureStep));
  if (cluster.details?.bootRefused !== undefined) {
    const when = cluster.details.bootRefused.toISOString();
    steps.push({
      about: "boot",
      what: `the cluster refused this device for what its firmware measured at the last start (${when})`,
      hint: `an administrator sees what it was, and can approve it: tctl devices ekcert inspect --asset-tag=${assetTag}`,
    });
  }
  if (login?.summary.device === undefined) {
    steps.push({
      about: "carried",
      what: "the login does not carry this device",
      hint: "log in again with: tsh logout; tsh login",
    });
  }
  return steps;
}

function postureStep({ role, message, facts, remedies }: UnmetRule): MissingStep {
  const whose = role === undefined ? "the cluster" : `the role "${role}"`;
  const known = facts.length === 0 ? "" : ` (${facts.join("; ")})`;
  return {
    about: "posture",
    what: `${whose} demands of the device: ${message}${known}`,
    hint: remedies.join("; "),
  };
}

function enrollmentStep(
  { osType, assetTag, key }: DeviceStatus,
  cluster: DeviceDescription,
): MissingStep | undefined {
  const { registered, enrolled, owner, credentialMatches } = cluster;
  const step = (what: string, hint: string): MissingStep => ({ about: "enrollment", what, hint });
  if (!registered) {
    const register = `tctl devices add --os=${osType} --asset-tag=${assetTag} --enroll`;
    return step("this device is not registered", howToEnroll(cluster, register));
  }
  const token = `tctl devices enroll --asset-tag=${assetTag}`;
  if (!enrolled) return step("this device is not enrolled", howToEnroll(cluster, token, true));
  if (credentialMatches) return undefined;
  const held =
    key.credentialId === undefined
      ? "this device is enrolled, and its key is not with this account on this machine"
      : "this device is enrolled with another key than this machine holds";
  return owner === "you"
    ? step(held, howToEnroll(cluster, token))
    : step(
        "this device is enrolled by somebody else, with another key",
        `an administrator takes it out with: tctl edit device/${assetTag}, enroll_status: not_enrolled; then: ${howToEnroll(cluster, token)}`,
      );
}

/** `command` is what an administrator types for a token. */
function howToEnroll(cluster: DeviceDescription, command: string, registered = false): string {
  if (cluster.mayEnrollAlone) return `enroll it with: ${enrollAlone}`;
  if (registered && cluster.autoEnroll) return "it enrolls at the login: tsh logout; tsh login";
  const asked = `an administrator makes a token with: ${command}; then: tsh device enroll --token=TOKEN`;
  return cluster.mayEnroll
    ? asked
    : `an administrator gives you the role device-enroll, and ${asked.replace("an administrator ", "")}`;
}

function faultStep(
  about: MissingStep["about"],
  { message, hint }: { readonly message: string; readonly hint: string | undefined },
): MissingStep {
  return { about, what: message, hint: hint ?? "" };
}
