/**
 * What a device mode or a posture rule would take away, before it is set: the decisions of `decideAccess` for the same
 * person, account and server under the policy of now and under the changed one. Nothing here decides anything itself.
 */
import type { DeviceExtensions, UserIdentity } from "#identity/identity.ts";
import type { Lock } from "#resource/lock.ts";
import type { PolicyView } from "./access-checks.ts";
import { type AccessDecision, decideAccess } from "./decide-access.ts";
import type { Refusal } from "./decision.ts";
import { effectiveClusterMode } from "./device-mode.ts";
import { isInForce } from "./locks.ts";
import { type SshServer, sshTarget } from "./target.ts";

/** What to try: at one role, or at the cluster when no role is named. */
export interface DeviceTrustChange {
  readonly role?: string;
  /** Left out: as it is. */
  readonly mode?: "off" | "optional" | "required" | "required-for-humans";
  /** Posture rules besides those that are there. */
  readonly posture?: readonly string[];
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
 * - `unchanged`: they reach them with whatever they reach them with now;
 * - `kept`: they reach them now without a device or with others, and go on with `device`;
 * - `lost`: no credential of theirs reaches them any more; `reason` is the refusal of the best one.
 *
 * `lostDevices` are those that they reach them with now and no longer then.
 */
export type SimulatedOutcome =
  | { readonly outcome: "refused" | "unchanged" }
  | (Lost & { readonly outcome: "kept"; readonly device: DeviceExtensions })
  | (Lost & { readonly outcome: "lost" });

interface Lost {
  readonly reason: Refusal;
  readonly lostDevices: readonly DeviceExtensions[];
}

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
export function withDeviceTrust(policy: PolicyView, change: DeviceTrustChange): PolicyView {
  const { role, mode, posture = [] } = change;
  const added = posture.map((rule) => ({ rule }));
  if (role === undefined) {
    const { authPreference } = policy;
    const before = authPreference.spec.device_trust;
    const device_trust = {
      ...before,
      ...(mode === undefined ? {} : { mode }),
      posture: [...(before?.posture ?? []), ...added],
    };
    const spec = { ...authPreference.spec, device_trust };
    return { ...policy, authPreference: { ...authPreference, spec } };
  }
  const known = policy.roles.get(role);
  if (known === undefined) return policy;
  const options = {
    ...known.spec.options,
    ...(mode === undefined ? {} : { device_trust_mode: mode }),
    device_posture: [...(known.spec.options.device_posture ?? []), ...added],
  };
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
  const reachBy = (policy: PolicyView) => tryCredentials(person, server, login, policy, now);
  const present = reachBy(before);
  if (present.good.length === 0) return { outcome: "refused" };
  const future = reachBy(after);
  const isGood = ({ good }: Tried, device: DeviceExtensions | undefined) => good.includes(device);
  const lost = present.good.filter((device) => !isGood(future, device));
  const reason = future.refusals.get(future.good.length === 0 ? future.last : lost[0]);
  if (isGood(future, undefined) || lost.length === 0 || reason === undefined) {
    return { outcome: "unchanged" };
  }
  const lostDevices = lost.filter((device) => device !== undefined);
  const [device] = future.good;
  if (device === undefined) return { outcome: "lost", reason, lostDevices };
  return { outcome: "kept", device, reason, lostDevices };
}

/** Credentials by device; undefined stands for the certificate without one. */
interface Tried {
  /** Those that reach the account, without a device first. */
  readonly good: readonly (DeviceExtensions | undefined)[];
  readonly refusals: ReadonlyMap<DeviceExtensions | undefined, Refusal>;
  /** The last one tried. */
  readonly last: DeviceExtensions | undefined;
}

function tryCredentials(
  person: SimulatedPerson,
  server: SshServer,
  login: string,
  policy: PolicyView,
  now: Date,
): Tried {
  const { device: _, ...identity } = person.identity;
  const decideFor = (shown: UserIdentity): AccessDecision => {
    const target = sshTarget(server, login);
    // A pinned certificate is used where it was issued.
    return decideAccess({ identity: shown, policy, target, now, clientIp: shown.pinnedIp });
  };
  const good: (DeviceExtensions | undefined)[] = [];
  const refusals = new Map<DeviceExtensions | undefined, Refusal>();
  const credentials = [undefined, ...usableDevices(policy, person.devices)];
  for (const device of credentials) {
    const shown = device === undefined ? identity : { ...identity, device };
    const decision = decideWithFactors(shown, person.secondFactors, decideFor);
    if (decision.allowed) good.push(device);
    else refusals.set(device, decision.reason);
  }
  return { good, refusals, last: credentials.at(-1) };
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
