/** Whether anything demands a trusted device of a person: what user interfaces warn about. Carries no authority. */
import type { PolicyView } from "#access/access-checks.ts";
import { demandsDevice } from "#access/device-mode.ts";
import { applyRoles } from "#access/role-set.ts";
import { TrustedDeviceRequirement } from "#gen/types/web_session_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";

/** The requirement of the cluster's mode and of every role of the person, whatever the roles give access to. */
export function trustedDeviceRequirement(
  identity: UserIdentity,
  { roles, authPreference }: PolicyView,
): TrustedDeviceRequirement {
  const modes = [
    authPreference.spec.device_trust?.mode,
    ...applyRoles(identity, roles).roles.map(({ spec }) => spec.options.device_trust_mode),
  ];
  return demandsDevice(modes, identity)
    ? TrustedDeviceRequirement.REQUIRED
    : TrustedDeviceRequirement.NOT_REQUIRED;
}
