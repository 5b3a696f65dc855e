/** The posture rules that somebody does not meet with a device, or without one, wherever they stand. Decides about nothing. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PolicyView } from "#access/access-checks.ts";
import {
  explainUnmet,
  findUnmetRule,
  type PlacedRules,
  rulesOfCluster,
  rulesOfRole,
} from "#access/device-posture.ts";
import { applyRoles } from "#access/role-set.ts";
import type { UnmetPostureRuleSchema } from "#gen/gatehouse/v1/admin_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { DeviceState } from "./device-state.ts";
import { factsOf } from "./facts.ts";

type Unmet = MessageInitShape<typeof UnmetPostureRuleSchema>;

/** True when nobody without a device meets the rules. */
export function demandDevice(place: PlacedRules, user: UserIdentity, now: Date): boolean {
  const { device: _, ...identity } = user;
  return findUnmetRule(place, { identity, devices: new Map(), now }) !== undefined;
}

/** The first unmet rule of the cluster and of each role that the user holds; none for a device that is not enrolled. */
export function findUnmetRules(
  user: UserIdentity,
  { roles, authPreference }: PolicyView,
  state: DeviceState,
  now: Date,
): Unmet[] {
  const facts = factsOf(state);
  if (facts === undefined) return [];
  const { name: deviceId } = state.device.metadata;
  const { asset_tag: assetTag, credential_id: credentialId } = facts;
  const identity = { ...user, device: { deviceId, assetTag, credentialId } };
  const subject = { identity, devices: new Map([[deviceId, facts]]), now };
  const held = applyRoles(user, roles).roles.map(
    (role) => [role.metadata.name, rulesOfRole(role)] as const,
  );
  const places = [["", rulesOfCluster(authPreference)] as const, ...held];
  return places.flatMap(([role, place]) => {
    const unmet = findUnmetRule(place, subject);
    if (unmet === undefined) return [];
    const { message, facts: seen, remedies } = explainUnmet(unmet, subject);
    return [{ role, rule: unmet.rule.rule, message, facts: [...seen], remedies: [...remedies] }];
  });
}
