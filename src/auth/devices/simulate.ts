/**
 * A device mode or posture rules tried on everybody: what each user's next login would carry, and every device that they
 * own, against the rules, locks and servers of the moment in which the question came.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { reachableOf } from "#access/reachable.ts";
import {
  type DeviceTrustChange,
  groupServers,
  type ServerGroup,
  type SimulatedLogin,
  type SimulatedPerson,
  type SimulatedPolicies,
  simulateLogins,
  withDeviceTrust,
} from "#access/simulate-device-trust.ts";
import { Fault, isFault } from "#base/fault.ts";
import { compilePostureRule } from "#expression/posture.ts";
import type {
  SimulateDeviceTrustRequest,
  SimulateDeviceTrustResponseSchema,
  SimulatedLoginSchema,
} from "#gen/gatehouse/v1/admin_pb.ts";
import type { DeviceExtensions } from "#identity/identity.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import { deviceTrustModes } from "#resource/role-options.ts";
import type { User } from "#resource/user.ts";
import type { AuthContext } from "../context.ts";
import { currentPolicy, usableDevices } from "../mfa/verify.ts";
import { loadPolicy } from "../policy.ts";
import { identityOfLogin } from "../users/identity.ts";
import { factsOf } from "./facts.ts";
import type { DeviceInventory } from "./inventory.ts";

type Part = MessageInitShape<typeof SimulateDeviceTrustResponseSchema>;
type LoginPart = MessageInitShape<typeof SimulatedLoginSchema>;

/** Servers and logins of one message. */
const mostPerPart = 500;
/** Decisions between two turns of the event loop. */
const decisionsPerTurn = 200;
const devicesPerPage = 100;
/** Posture rules that are tried together. */
const mostRules = 50;

/** Yields the parts of the answer. Throws `invalid` for an unknown mode or rule, `not-found` for an unknown role. */
export async function* simulateDeviceTrust(
  context: AuthContext,
  inventory: DeviceInventory,
  request: SimulateDeviceTrustRequest,
): AsyncGenerator<Part> {
  const devices = new Map<string, DeviceFacts>();
  const before = { ...(await loadPolicy(context)), devices };
  const change = readChange(request);
  const role = change.role === undefined ? undefined : before.roles.get(change.role);
  if (change.role !== undefined && role === undefined) {
    throw new Fault("not-found", `role "${change.role}" is not found`, {
      hint: "see the roles: tctl get roles",
    });
  }
  const { stores, clock } = context;
  const now = clock.now();
  const [users, nodes] = await Promise.all([stores.users.all(), stores.nodes.all()]);
  const servers = nodes.map((node) => {
    return {
      id: node.metadata.name,
      hostname: node.spec.hostname,
      labels: reachableOf(node).labels,
    };
  });
  const groups = groupServers(servers, before.locks, now);
  const told = new Map<ServerGroup, number>();
  const counts = { lost: 0, kept: 0, unchanged: 0, refused: 0 };
  const policies = { before, after: withDeviceTrust(before, change) };
  for (const user of users) {
    const person = await personOf(context, inventory, user, devices);
    if (person === undefined) continue;
    const found = await simulatePerson(person, groups, policies, now, counts);
    for (let at = 0; at < found.length; at += mostPerPart) {
      const some = found.slice(at, at + mostPerPart);
      for (const { group } of some) {
        if (told.has(group)) continue;
        told.set(group, told.size);
        yield* serverParts(group, told.size - 1);
      }
      const logins = some.map((login) => loginPart(user, login, told));
      yield { part: { case: "logins", value: { logins } } };
    }
  }
  const spec = before.authPreference.spec;
  yield {
    part: {
      case: "totals",
      value: {
        modeBefore: (role ? role.spec.options.device_trust_mode : spec.device_trust?.mode) ?? "",
        users: BigInt(users.length),
        servers: BigInt(servers.length),
        lost: BigInt(counts.lost),
        kept: BigInt(counts.kept),
        unchanged: BigInt(counts.unchanged),
      },
    },
  };
}

function readChange({ mode, role, posture }: SimulateDeviceTrustRequest): DeviceTrustChange {
  const known = deviceTrustModes.find((each) => each === mode);
  if (mode !== "" && known === undefined) {
    throw new Fault("invalid", "the device mode is not one of the cluster's", {
      hint: `one of: ${deviceTrustModes.join(", ")}`,
    });
  }
  if (mode === "" && posture.length === 0) {
    throw new Fault("invalid", "there is nothing to try: neither a mode nor a posture rule");
  }
  if (posture.length > mostRules) throw new Fault("limit", `at most ${mostRules} rules at once`);
  for (const rule of posture) compilePostureRule(rule);
  return {
    ...(known === undefined ? {} : { mode: known }),
    ...(posture.length === 0 ? {} : { posture }),
    ...(role === "" ? {} : { role }),
  };
}

/** Undefined for a user who cannot log in: there is nothing to lose. Leaves what is known of their devices in `facts`. */
async function personOf(
  context: AuthContext,
  inventory: DeviceInventory,
  user: User,
  facts: Map<string, DeviceFacts>,
): Promise<SimulatedPerson | undefined> {
  try {
    const wish = { clientIp: "127.0.0.1", routeToCluster: "", kubernetesCluster: "", ttlMs: 0 };
    const identity = await identityOfLogin(context, user, wish);
    const devices = await enrolledDevices(inventory, user.metadata.name, facts);
    const factors = await context.credentials.secondFactors.get(user.metadata.name);
    const usable = usableDevices(factors.devices, await currentPolicy(context));
    return { identity, devices, secondFactors: usable.map(({ id }) => id) };
  } catch (error) {
    if (isFault(error, "access-denied")) return undefined;
    throw error;
  }
}

async function enrolledDevices(
  inventory: DeviceInventory,
  owner: string,
  facts: Map<string, DeviceFacts>,
): Promise<DeviceExtensions[]> {
  const devices: DeviceExtensions[] = [];
  facts.clear();
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? {} : { after };
    const { states, next } = await inventory.listOwned(owner, { limit: devicesPerPage, ...from });
    for (const state of states) {
      const known = factsOf(state);
      if (known === undefined) continue;
      const { name: deviceId } = state.device.metadata;
      facts.set(deviceId, known);
      devices.push({ deviceId, assetTag: known.asset_tag, credentialId: known.credential_id });
    }
    if (next === undefined) return devices;
    after = next;
  }
}

/** What the mode changes for the person; counts everything. */
async function simulatePerson(
  person: SimulatedPerson,
  groups: readonly ServerGroup[],
  policies: SimulatedPolicies,
  now: Date,
  counts: Record<SimulatedLogin["outcome"], number>,
): Promise<SimulatedLogin[]> {
  const changed: SimulatedLogin[] = [];
  let decided = 0;
  for (const login of simulateLogins(person, groups, policies, now)) {
    counts[login.outcome] += login.group.servers.length;
    if (login.outcome === "lost" || login.outcome === "kept") changed.push(login);
    if (++decided % decisionsPerTurn === 0) await nextTurn();
  }
  return changed;
}

function* serverParts({ servers }: ServerGroup, group: number): Generator<Part> {
  for (let at = 0; at < servers.length; at += mostPerPart) {
    const some = servers.slice(at, at + mostPerPart);
    const value = { group, servers: some.map(({ id, hostname }) => ({ id, hostname })) };
    yield { part: { case: "servers", value } };
  }
}

function loginPart(
  user: User,
  found: SimulatedLogin,
  groups: ReadonlyMap<ServerGroup, number>,
): LoginPart {
  const part = {
    user: user.metadata.name,
    login: found.login,
    group: groups.get(found.group) ?? 0,
  };
  if (found.outcome !== "lost" && found.outcome !== "kept") return part;
  const { message, check, role = "" } = found.reason;
  const device = found.outcome === "kept" ? found.device.assetTag : "";
  const lostDevices = found.lostDevices.map(({ assetTag }) => assetTag);
  return { ...part, device, reason: message, role, check, lostDevices };
}
