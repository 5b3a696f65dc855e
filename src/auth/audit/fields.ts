/** Groups of event fields that auth makes of its own values. */
import type { UserIdentity } from "#identity/identity.ts";
import { type MfaDevice, mfaTypeOf } from "../mfa/device.ts";

/** A second factor. */
export function mfaDeviceFields(device: MfaDevice) {
  return {
    mfa_device_name: device.name,
    mfa_device_uuid: device.id,
    mfa_device_type: mfaTypeOf(device),
  };
}

/** The identity that a certificate was issued for. */
export function identityFields(identity: UserIdentity) {
  const { device } = identity;
  return {
    user: identity.username,
    roles: identity.roles,
    logins: identity.logins,
    expires: identity.expires.toISOString(),
    route_to_cluster: identity.routeToCluster,
    traits: identity.traits,
    teleport_cluster: identity.cluster,
    private_key_policy: identity.privateKeyPolicy,
    ...(identity.mfaVerified ? { mfa_device_uuid: identity.mfaVerified } : {}),
    ...(identity.usage.length > 0 ? { usage: identity.usage } : {}),
    ...(identity.loginIp ? { client_ip: identity.loginIp } : {}),
    ...(identity.pinnedIp ? { pinned_ip: identity.pinnedIp } : {}),
    ...(identity.previousIdentityExpires
      ? { prev_identity_expires: identity.previousIdentityExpires.toISOString() }
      : {}),
    ...(device
      ? {
          device_extensions: {
            device_id: device.deviceId,
            asset_tag: device.assetTag,
            credential_id: device.credentialId,
          },
        }
      : {}),
  };
}
