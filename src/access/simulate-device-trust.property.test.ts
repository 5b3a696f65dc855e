/** The simulation against the evaluator itself, asked for every server, account and credential one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceExtensions } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import { makeCase, makeRolePool, seededRandom } from "../../test/support/access-cases.ts";
import { testDevice, testFacts } from "../../test/support/identity.ts";
import type { PolicyView } from "./access-checks.ts";
import { decideAccess } from "./decide-access.ts";
import {
  type DeviceTrustChange,
  groupServers,
  type SimulatedOutcome,
  type SimulatedPerson,
  simulateLogins,
  withDeviceTrust,
} from "./simulate-device-trust.ts";
import { type SshServer, sshTarget } from "./target.ts";

const policies = 10_000;
const modes = ["off", "optional", "required", "required", "required-for-humans"] as const;
const rules: readonly (readonly string[])[] = [
  ["device.secure_boot"],
  ['at_most(device.data_age, "90m")', "device.owner == user.metadata.name"],
  ['device.asset_tag == "SECOND"'],
];
const second = {
  ...testDevice,
  deviceId: "0b5f1f0c-0000-4000-8000-000000000002",
  assetTag: "SECOND",
};
const devicePool: readonly DeviceExtensions[] = [
  testDevice,
  second,
  { ...testDevice, assetTag: "HALF", credentialId: "" },
];

interface World {
  readonly person: SimulatedPerson;
  readonly policy: PolicyView;
  readonly servers: readonly SshServer[];
  readonly change: DeviceTrustChange;
  readonly now: Date;
}

function* makeWorlds(seed: number, count: number): Generator<World> {
  const random = seededRandom(seed);
  let pool = makeRolePool(random, 6);
  for (let index = 0; index < count; index++) {
    if (index % 10 === 0) pool = makeRolePool(random, 6);
    yield makeWorld(random, pool);
  }
}

function makeWorld(random: () => number, pool: readonly Role[]): World {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const { identity, now, ...rest } = makeCase(random, pool);
  const facts = { ...testFacts, asset_tag: "SECOND", secure_boot: random() < 0.5 };
  const devices = new Map(rest.policy.devices);
  const policy = { ...rest.policy, devices: devices.set(second.deviceId, facts) };
  const servers = Array.from({ length: 6 }, (_, index) => ({
    id: `server-${index}`,
    hostname: `host-${index}`,
    labels: {
      env: pick(["prod", "dev"]),
      ...(random() < 0.5 ? { team: pick(["core", "web"]) } : {}),
    },
  }));
  return {
    person: {
      identity,
      devices: devicePool.filter(() => random() < 0.4),
      secondFactors: ["key", "other-key"].filter(() => random() < 0.3),
    },
    policy,
    servers,
    change: {
      ...(random() < 0.7 ? { mode: pick(modes) } : {}),
      ...(random() < 0.5 ? { posture: pick(rules) } : {}),
      ...(random() < 0.5 ? { role: pick(pool).metadata.name } : {}),
    },
    now,
  };
}

/** The change by hand. */
function changed(policy: PolicyView, { role, mode, posture = [] }: DeviceTrustChange): PolicyView {
  const added = posture.map((rule) => ({ rule }));
  if (role === undefined) {
    const authPreference = structuredClone(policy.authPreference);
    authPreference.spec.device_trust ??= {};
    if (mode !== undefined) authPreference.spec.device_trust.mode = mode;
    authPreference.spec.device_trust.posture ??= [];
    authPreference.spec.device_trust.posture.push(...added);
    return { ...policy, authPreference };
  }
  const copy = structuredClone(policy.roles.get(role) ?? assert.fail());
  if (mode !== undefined) copy.spec.options.device_trust_mode = mode;
  copy.spec.options.device_posture ??= [];
  copy.spec.options.device_posture.push(...added);
  const others = [...policy.roles].filter(([name]) => name !== role);
  return { ...policy, roles: new Map([...others, [role, copy]]) };
}

/** The asset tags with which the person reaches the account, "" for without a device. */
function credentialsThatReach(
  { person: { identity, devices, secondFactors }, now }: World,
  policy: PolicyView,
  server: SshServer,
  login: string,
): string[] {
  const { device: _, ...bare } = identity;
  const off = policy.authPreference.spec.device_trust?.mode === "off";
  return [undefined, ...(off ? [] : devices)]
    .filter((device) => {
      const shown = device === undefined ? bare : { ...bare, device };
      const verified = secondFactors.map((mfaVerified) => ({ ...shown, mfaVerified }));
      const request = { policy, target: sshTarget(server, login), now, clientIp: bare.pinnedIp };
      return [shown, ...verified].some(
        (each) => decideAccess({ ...request, identity: each }).allowed,
      );
    })
    .map((device) => device?.assetTag ?? "");
}

function describe(each: SimulatedOutcome): string {
  if (each.outcome !== "kept" && each.outcome !== "lost") return each.outcome;
  const by = each.outcome === "kept" ? ` by ${each.device.assetTag}` : "";
  const lost = each.lostDevices.map(({ assetTag }) => assetTag).join(",");
  return `${each.outcome}${by} without ${lost}`;
}

/** In the words of the documentation: what is gone, and what is left. */
function expectedOutcome(before: readonly string[], after: readonly string[]): string {
  if (before.length === 0) return "refused";
  const gone = before.filter((tag) => !after.includes(tag));
  const without = gone.filter((tag) => tag !== "").join(",");
  if (after.length === 0) return `lost without ${without}`;
  if (after.includes("") || gone.length === 0) return "unchanged";
  return `kept by ${after[0]} without ${without}`;
}

test(`agrees with the evaluator on ${policies} random policies`, () => {
  const seen = new Map<string, number>();
  let grouped = 0;
  for (const world of makeWorlds(20261122, policies)) {
    const { person, policy, servers, change, now } = world;
    const groups = groupServers(servers, policy.locks, now);
    grouped += servers.length - groups.length;
    const after = changed(policy, change);
    const told = new Map<string, string>();
    const compared = { before: policy, after: withDeviceTrust(policy, change) };
    for (const each of simulateLogins(person, groups, compared, now)) {
      for (const { id } of each.group.servers) {
        told.set(`${each.login}@${id}`, describe(each));
      }
    }
    for (const server of servers) {
      for (const login of person.identity.logins) {
        const expected = expectedOutcome(
          credentialsThatReach(world, policy, server, login),
          credentialsThatReach(world, after, server, login),
        );
        const said = told.get(`${login}@${server.id}`);
        if (said !== expected) assert.fail(`${said}, not ${expected}: ${JSON.stringify(world)}`);
        told.delete(`${login}@${server.id}`);
        const outcome = expected.split(" ")[0] ?? "";
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    }
    assert.equal(told.size, 0, "logins that are not there");
  }
  assert.ok(grouped > policies, "servers were hardly ever grouped");
  for (const outcome of ["refused", "unchanged", "kept", "lost"]) {
    assert.ok((seen.get(outcome) ?? 0) > 200, `${outcome}: ${seen.get(outcome)}`);
  }
});

test("a lost login has a refusal of the changed policy behind it, and a changed policy is a copy", () => {
  let lost = 0;
  for (const { person, policy, servers, change, now } of makeWorlds(7, 4000)) {
    const untouched = structuredClone(policy);
    const after = withDeviceTrust(policy, change);
    const groups = groupServers(servers, policy.locks, now);
    for (const each of simulateLogins(person, groups, { before: policy, after }, now)) {
      if (each.outcome !== "lost") continue;
      lost++;
      assert.match(each.reason.check, /^((role|cluster)-device-(mode|posture)|locks)$/);
    }
    assert.deepEqual(policy, untouched);
  }
  assert.ok(lost > 50);
});
