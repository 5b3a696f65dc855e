/**
 * Whether a session needs a fresh second factor or a hardware key (`require_session_mfa` of cluster and roles).
 * Values that are not known demand something that nobody has.
 */
import type { UserIdentity } from "#identity/identity.ts";

const touchPolicies = ["hardware_key_touch", "hardware_key_touch_and_pin"];
const pinPolicies = ["hardware_key_pin", "hardware_key_touch_and_pin"];
const hardwarePolicies = ["hardware_key", ...touchPolicies, "hardware_key_pin"];

/** Whether the certificate satisfies one setting. */
export function satisfiesSessionMfa(
  setting: boolean | string | undefined,
  identity: Pick<UserIdentity, "mfaVerified" | "privateKeyPolicy">,
): boolean {
  const policy = identity.privateKeyPolicy;
  const verified = identity.mfaVerified !== undefined && identity.mfaVerified !== "";
  switch (setting) {
    case undefined:
    case false:
    case "off":
    case "":
      return true;
    case true:
    case "session":
      return verified || touchPolicies.includes(policy);
    case "hardware_key":
      return hardwarePolicies.includes(policy) && (verified || touchPolicies.includes(policy));
    case "hardware_key_touch":
      return touchPolicies.includes(policy);
    case "hardware_key_pin":
      return pinPolicies.includes(policy);
    case "hardware_key_touch_and_pin":
      return policy === "hardware_key_touch_and_pin";
    default:
      return false;
  }
}
