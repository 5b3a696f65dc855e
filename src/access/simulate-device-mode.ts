/**
 * What a device mode would take away, before it is set: the decisions of `decideAccess` for the same person, account and
 * server under the policy of now and under the changed one. Nothing here decides anything itself.
 */
import type { DeviceExtensions, UserIdentity } from "#identity/identity.ts";
import type { Lock } from "#resource/lock.ts";
import type { PolicyView } from "./access-checks.ts";
import { type AccessDecision, decideAccess } from "./decide-access.ts";
import type { Refusal } from "./decision.ts";
import { effectiveClusterMode } from "./device-mode.ts";
import { isInForce } from "./locks.ts";
import { type SshServer, sshTarget } from "./target.ts";

/** A device mode to try: of one role, or of the cluster when no role is named. */
export interface DeviceModeChange {
  readonly role?: string;
  readonly mode: "off" | "optional" | "required" | "required-for-humans";
}

/** A person, as a login of this moment would certify them, and what they could prove besides. */
export interface SimulatedPerson {
  /** Its device is not looked at. */
  readonly identity: UserIdentity;
  readonly devices: readonly DeviceExtensions[];
  /** Ids of the MFA devices with which they could verify a session, where one must be. */
  readonly secondFactors: readonly string[];
}

/** Servers between which no decision makes a difference: the same labels, and none of them named by a lock. */
export interface ServerGroup {
  readonly servers: readonly [SshServer, ...SshServer[]];
}

/**
 * What the change does to one account on the servers of a group:
 * - `refused`: the person does not reach them now, whatever device they use;
 * - `unchanged`: they reach them as they do now;
 * - `kept`: they need no device now, and with `device` they go on reaching them;
 * - `lost`: no credential of theirs reaches them any more; `reason` is the refusal of the best one.
 */
export type SimulatedOutcome =
  | { readonly outcome: "refused" | "unchanged" }
  | { readonly outcome: "kept"; readonly device: DeviceExtensions; readonly reason: Refusal }
  | { readonly outcome: "lost"; readonly reason: Refusal };

/** One account on one group of servers. */
export type SimulatedLogin = SimulatedOutcome & {
  readonly login: string;
  readonly group: ServerGroup;
};

/** The policies between which a simulation compares. */
export interface SimulatedPolicies {
  readonly before: PolicyView;
  readonly after: PolicyView;
}

/** The policy with the change in it. A role that is not there changes nothing: ask before. */
export function withDeviceMode(policy: PolicyView, { role, mode }: DeviceModeChange): PolicyView {
  if (role === undefined) {
    const { authPreference } = policy;
    const device_trust = { ...authPreference.spec.device_trust, mode };
    const spec = { ...authPreference.spec, device_trust };
    return { ...policy, authPreference: { ...authPreference, spec } };
  }
  const known = policy.roles.get(role);
  if (known === undefined) return policy;
  const options = { ...known.spec.options, device_trust_mode: mode };
  const changed = { ...known, spec: { ...known.spec, options } };
  return { ...policy, roles: new Map(policy.roles).set(role, changed) };
}

/** Groups servers by what decisions look at, in the order of the first of each group. */
export function groupServers(
  servers: readonly SshServer[],
  locks: readonly Lock[],
  now: Date,
): ServerGroup[] {
  const targets = locks.filter((lock) => isInForce(lock, now)).map(({ spec }) => spec.target);
  const locked = new Set(targets.flatMap(({ server_id, node }) => [server_id, node]));
  const groups = new Map<string, [SshServer, ...SshServer[]]>();
  for (const server of servers) {
    const labels = Object.entries(server.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([labels, locked.has(server.id) ? server.id : ""]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [server]);
    else group.push(server);
  }
  return [...groups.values()].map((group) => ({ servers: group }));
}

/** Every account of the person's certificate on every group, one at a time: there may be very many. */
export function* simulateLogins(
  person: SimulatedPerson,
  groups: readonly ServerGroup[],
  policies: SimulatedPolicies,
  now: Date,
): Generator<SimulatedLogin> {
  for (const login of person.identity.logins) {
    for (const group of groups) {
      yield { login, group, ...simulateLogin(person, group.servers[0], login, policies, now) };
    }
  }
}

function simulateLogin(
  person: SimulatedPerson,
  server: SshServer,
  login: string,
  { before, after }: SimulatedPolicies,
  now: Date,
): SimulatedOutcome {
  const reachBy = (policy: PolicyView) => findCredential(person, server, login, policy, now);
  const present = reachBy(before);
  if (!present.allowed) return { outcome: "refused" };
  const future = reachBy(after);
  if (!future.allowed) return { outcome: "lost", reason: future.reason };
  const { device, reason } = future;
  if (device === undefined || reason === undefined || present.device !== undefined) {
    return { outcome: "unchanged" };
  }
  return { outcome: "kept", device, reason };
}

type Credential =
  | {
      readonly allowed: true;
      /** The device that it takes, and why it does not go without. */
      readonly device?: DeviceExtensions;
      readonly reason?: Refusal;
    }
  | { readonly allowed: false; readonly reason: Refusal };

/** The certificate without a device if that suffices, else with the first device that does. */
function findCredential(
  person: SimulatedPerson,
  server: SshServer,
  login: string,
  policy: PolicyView,
  now: Date,
): Credential {
  const { device: _, ...identity } = person.identity;
  const decideFor = (shown: UserIdentity): AccessDecision => {
    const target = sshTarget(server, login);
    // A pinned certificate is used where it was issued.
    return decideAccess({ identity: shown, policy, target, now, clientIp: shown.pinnedIp });
  };
  const bare = decideWithFactors(identity, person.secondFactors, decideFor);
  if (bare.allowed) return { allowed: true };
  let { reason } = bare;
  for (const device of usableDevices(policy, person.devices)) {
    const decision = decideWithFactors({ ...identity, device }, person.secondFactors, decideFor);
    if (decision.allowed) return { allowed: true, device, reason: bare.reason };
    reason = decision.reason;
  }
  return { allowed: false, reason };
}

/** The first grant: as it is, or where a session must be verified with the first second factor that does it. */
function decideWithFactors(
  identity: UserIdentity,
  secondFactors: readonly string[],
  decideFor: (shown: UserIdentity) => AccessDecision,
): AccessDecision {
  let decision = decideFor(identity);
  for (const mfaVerified of secondFactors) {
    if (decision.allowed) break;
    decision = decideFor({ ...identity, mfaVerified });
  }
  return decision;
}

/** Where device trust is off, no device can authenticate. */
function usableDevices(
  { authPreference }: PolicyView,
  devices: readonly DeviceExtensions[],
): readonly DeviceExtensions[] {
  const mode = effectiveClusterMode(authPreference.spec.device_trust?.mode);
  return mode === "off" ? [] : devices;
}
