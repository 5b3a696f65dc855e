/**
 * The one decision about device trust: every service asks this function, for the mode of the cluster and for the mode
 * of every role that matches the resource. Which surfaces ask for which is the caller's affair.
 */
import type { DeviceExtensions } from "#identity/identity.ts";

/** The modes of clusters and roles. */
export const deviceTrustModes = ["off", "optional", "required", "required-for-humans"] as const;

/** One of the modes. */
export type DeviceTrustMode = (typeof deviceTrustModes)[number];

/** Who asks for access, as the certificate says. */
export interface DeviceTrustSubject {
  readonly device?: DeviceExtensions | undefined;
  /** Set in the certificate of a bot. */
  readonly botName?: string | undefined;
}

/** The decision, with the reason of a refusal. */
export type DeviceTrustDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: "untrusted-device" | "unknown-mode" };

/** What a refused person reads. */
export const deviceRequiredMessage = "access to resource requires a trusted device";

const allow: DeviceTrustDecision = { allowed: true };
const untrusted: DeviceTrustDecision = { allowed: false, reason: "untrusted-device" };

/** Decides for one mode. Text that is not a mode denies: a newer mode must not open an older service. */
export function decideDeviceTrust(mode: string, subject: DeviceTrustSubject): DeviceTrustDecision {
  switch (mode) {
    case "":
    case "off":
    case "optional":
      return allow;
    case "required":
      return isTrusted(subject) ? allow : untrusted;
    case "required-for-humans":
      return isTrusted(subject) || isBot(subject) ? allow : untrusted;
    default:
      return { allowed: false, reason: "unknown-mode" };
  }
}

/** True when the certificate names a device by all three of its fields. */
export function isTrusted({ device }: DeviceTrustSubject): boolean {
  return (
    device !== undefined &&
    device.deviceId !== "" &&
    device.assetTag !== "" &&
    device.credentialId !== ""
  );
}

/** The mode that a cluster without one has: devices authenticate, nothing demands it. */
export function effectiveClusterMode(mode: string | undefined): string {
  return mode === undefined || mode === "" ? "optional" : mode;
}

/** True when devices are to authenticate at login, which ping tells the clients. */
export function isDeviceTrustEnabled(clusterMode: string | undefined): boolean {
  return effectiveClusterMode(clusterMode) !== "off";
}

function isBot({ botName }: DeviceTrustSubject): boolean {
  return botName !== undefined && botName !== "";
}
