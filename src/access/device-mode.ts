/**
 * The rule of Device Trust (spec: device trust, section 3.2) as one function, for the cluster's mode and for the mode
 * of every role alike. Where which mode applies is decided in `access-checks.ts`.
 */
import type { UserIdentity } from "#identity/identity.ts";

/** What the text of every refusal for lack of a device says (public API). */
export const deviceRequiredMessage = "access to resource requires a trusted device";

/** What the refusal says on an SSH channel when the cluster demands the device (public API). */
export const unauthorizedDeviceMessage = "unauthorized device";

/** What a mode says about an identity. */
export type DeviceVerdict = "satisfied" | "device-required" | "unknown-mode";

/** What the rule looks at. */
type DeviceHolder = Pick<UserIdentity, "device" | "botName">;

/** True when the certificate names a device: all three fields say something. */
export function hasTrustedDevice({ device }: Pick<UserIdentity, "device">): boolean {
  return (
    device !== undefined &&
    device.deviceId !== "" &&
    device.assetTag !== "" &&
    device.credentialId !== ""
  );
}

/**
 * Holds an identity against a mode. Undefined and "" demand nothing; a mode that is not known is `unknown-mode`, which
 * callers treat as denied, device or not.
 */
export function checkDeviceMode(mode: string | undefined, identity: DeviceHolder): DeviceVerdict {
  switch (mode) {
    case undefined:
    case "":
    case "off":
    case "optional":
      return "satisfied";
    case "required":
      return hasTrustedDevice(identity) ? "satisfied" : "device-required";
    case "required-for-humans": {
      const isBot = identity.botName !== undefined && identity.botName !== "";
      return isBot || hasTrustedDevice(identity) ? "satisfied" : "device-required";
    }
    default:
      return "unknown-mode";
  }
}

/** The mode of a cluster: where its preference says nothing, devices authenticate and nothing demands it. */
export function effectiveClusterMode(mode: string | undefined): string {
  return mode === undefined || mode === "" ? "optional" : mode;
}

/** True when any of the modes demands a device of the identity: what user interfaces warn about. No authority. */
export function demandsDevice(
  modes: readonly (string | undefined)[],
  identity: Pick<UserIdentity, "botName">,
): boolean {
  const bare = identity.botName === undefined ? {} : { botName: identity.botName };
  return modes.some((mode) => checkDeviceMode(mode, bare) !== "satisfied");
}
