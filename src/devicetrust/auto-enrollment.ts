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

type Refused = Extract<AutoEnrollDecision, { allowed: false }>;
type Rule = (subject: Subject) => Refused | undefined;
/** Compares one field of the profile with what the device says. */
type ProfileRule = (profile: DeviceProfile, data: CollectedData) => Refused | undefined;

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

const profileRules: readonly ProfileRule[] = [
  (profile, data) => compare("model_identifier", [profile.modelIdentifier], data.modelIdentifier),
  (profile, data) => compare("os_version", [profile.osVersion], data.osVersion),
  (profile, data) =>
    compare("os_build", [profile.osBuild, profile.osBuildSupplemental], data.osBuild),
  (profile, data) =>
    compare("os_usernames", profile.osUsernames, data.osLoginUser || data.osUsername),
  (profile, data) =>
    data.jamfBinaryVersion === ""
      ? undefined
      : compare("jamf_binary_version", [profile.jamfBinaryVersion], data.jamfBinaryVersion),
  (profile, data) =>
    data.osType === "linux" ? compare("os_id", [profile.osId], data.osId) : undefined,
];

/** The first field in which the device is not what its profile says, or undefined. Empty values are not compared. */
export function findProfileMismatch(
  profile: DeviceProfile,
  data: CollectedData,
): { readonly field: string; readonly message: string } | undefined {
  for (const rule of profileRules) {
    const refusal = rule(profile, data);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const matchesProfile: Rule = ({ device, data }) => {
  const mismatch = device?.profile && findProfileMismatch(device.profile, data);
  return mismatch && refuse(mismatch.field, mismatch.message);
};

const rules: readonly Rule[] = [isEnabled, isRegistered, isNotEnrolled, isOnlyOne, matchesProfile];

/** Applies the rules in order; the first that refuses is the answer. */
export function decideAutoEnrollment(subject: Subject): AutoEnrollDecision {
  for (const rule of rules) {
    const refusal = rule(subject);
    if (refusal !== undefined) return refusal;
  }
  return { allowed: true };
}

function compare(field: string, expected: readonly string[], found: string): Refused | undefined {
  const values = expected.filter((value) => value !== "");
  if (values.length === 0 || values.includes(found)) return undefined;
  const known = values.map((value) => `"${value}"`).join(" or ");
  return refuse(field, `${field} is "${found}", but the device profile says ${known}`);
}

function refuse(field: string, message: string): Refused {
  return { allowed: false, field, message };
}
