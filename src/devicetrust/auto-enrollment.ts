/**
 * Whether a device may enrol itself without a token from an administrator. The answer to the client is the same for
 * every refusal; the message names the field for the audit event, which the troubleshooting guide points to.
 */
import type { CollectedData, OsType } from "./messages.ts";

/** What a mobile device management system says about a device. Empty values are not compared. */
export interface DeviceProfile {
  readonly modelIdentifier: string;
  readonly osVersion: string;
  readonly osBuild: string;
  readonly osBuildSupplemental: string;
  readonly osUsernames: readonly string[];
  readonly jamfBinaryVersion: string;
  readonly osId: string;
}

/** The registered device that the collected data points to. */
export interface AutoEnrollCandidate {
  readonly osType: OsType;
  readonly assetTag: string;
  readonly enrolled: boolean;
  /** Two copies of it were found, and it was not enrolled since. */
  readonly copied?: boolean;
  readonly profile?: DeviceProfile | undefined;
}

/** The decision. `message` is for the audit event only. */
export type AutoEnrollDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly field: string; readonly message: string };

interface Subject {
  readonly enabled: boolean;
  readonly device: AutoEnrollCandidate | undefined;
  readonly data: CollectedData;
}

type Rule = (subject: Subject) => AutoEnrollDecision | undefined;

const isEnabled: Rule = ({ enabled }) =>
  enabled ? undefined : refuse("auto_enroll", "auto-enrollment is off in this cluster");

const isRegistered: Rule = ({ device, data }) =>
  device?.osType === data.osType && device?.assetTag === data.serialNumber
    ? undefined
    : refuse("device", `no device is registered for ${data.osType} ${data.serialNumber}`);

/** Taking over an enrolled device needs an administrator, even for the same person. */
const isNotEnrolled: Rule = ({ device }) =>
  device?.enrolled ? refuse("enroll_status", "the device is enrolled already") : undefined;

/** Which of two copies comes first says nothing about which is the right one. */
const isOnlyOne: Rule = ({ device }) =>
  device?.copied
    ? refuse("copied", "the device exists twice: an administrator decides with a token")
    : undefined;

const modelMatches: Rule = ({ device, data }) =>
  compare("model_identifier", [device?.profile?.modelIdentifier], data.modelIdentifier);

const versionMatches: Rule = ({ device, data }) =>
  compare("os_version", [device?.profile?.osVersion], data.osVersion);

const buildMatches: Rule = ({ device, data }) =>
  compare(
    "os_build",
    [device?.profile?.osBuild, device?.profile?.osBuildSupplemental],
    data.osBuild,
  );

const userMatches: Rule = ({ device, data }) =>
  compare("os_usernames", device?.profile?.osUsernames ?? [], data.osLoginUser || data.osUsername);

const jamfMatches: Rule = ({ device, data }) =>
  data.jamfBinaryVersion === ""
    ? undefined
    : compare("jamf_binary_version", [device?.profile?.jamfBinaryVersion], data.jamfBinaryVersion);

const osIdMatches: Rule = ({ device, data }) =>
  data.osType === "linux" ? compare("os_id", [device?.profile?.osId], data.osId) : undefined;

const rules = [
  isEnabled,
  isRegistered,
  isNotEnrolled,
  isOnlyOne,
  modelMatches,
  versionMatches,
  buildMatches,
  userMatches,
  jamfMatches,
  osIdMatches,
];

/** Applies the rules in order; the first that refuses is the answer. */
export function decideAutoEnrollment(subject: Subject): AutoEnrollDecision {
  for (const rule of rules) {
    const refusal = rule(subject);
    if (refusal !== undefined) return refusal;
  }
  return { allowed: true };
}

function compare(
  field: string,
  expected: readonly (string | undefined)[],
  found: string,
): AutoEnrollDecision | undefined {
  const values = expected.filter((value) => value !== undefined && value !== "");
  if (values.length === 0 || values.includes(found)) return undefined;
  const known = values.map((value) => `"${value}"`).join(" or ");
  return refuse(field, `${field} is "${found}", but the device profile says ${known}`);
}

function refuse(field: string, message: string): AutoEnrollDecision {
  return { allowed: false, field, message };
}
