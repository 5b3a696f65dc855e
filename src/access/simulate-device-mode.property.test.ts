/** The simulation against the evaluator itself, asked for every server, account and credential one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceExtensions } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import { makeCase, makeRolePool, seededRandom } from "../../test/support/access-cases.ts";
import { testDevice } from "../../test/support/identity.ts";
import type { PolicyView } from "./access-checks.ts";
import { decideAccess } from "./decide-access.ts";
import {
  type DeviceModeChange,
  groupServers,
  type SimulatedPerson,
  simulateLogins,
  withDeviceMode,
} from "./simulate-device-mode.ts";
import { type SshServer, sshTarget } from "./target.ts";

const policies = 10_000;
const modes = ["off", "optional", "required", "required", "required-for-humans"] as const;
const devicePool: readonly DeviceExtensions[] = [
  testDevice,
  { ...testDevice, deviceId: "0b5f1f0c-0000-4000-8000-000000000002", assetTag: "SECOND" },
  { ...testDevice, credentialId: "" },
];

interface World {
  readonly person: SimulatedPerson;
  readonly policy: PolicyView;
  readonly servers: readonly SshServer[];
  readonly change: DeviceModeChange;
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
  const { identity, policy, now } = makeCase(random, pool);
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
    change: { mode: pick(modes), ...(random() < 0.5 ? { role: pick(pool).metadata.name } : {}) },
    now,
  };
}

/** The change by hand. */
function changed(policy: PolicyView, { role, mode }: DeviceModeChange): PolicyView {
  if (role === undefined) {
    const authPreference = structuredClone(policy.authPreference);
    authPreference.spec.device_trust ??= {};
    authPreference.spec.device_trust.mode = mode;
    return { ...policy, authPreference };
  }
  const copy = structuredClone(policy.roles.get(role) ?? assert.fail());
  copy.spec.options.device_trust_mode = mode;
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

function expectedOutcome(before: readonly string[], after: readonly string[]): string {
  if (before.length === 0) return "refused";
  if (after.length === 0) return "lost";
  return before.includes("") && !after.includes("") ? `kept by ${after[0]}` : "unchanged";
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
    const compared = { before: policy, after: withDeviceMode(policy, change) };
    for (const each of simulateLogins(person, groups, compared, now)) {
      for (const { id } of each.group.servers) {
        const by = each.outcome === "kept" ? ` by ${each.device.assetTag}` : "";
        told.set(`${each.login}@${id}`, `${each.outcome}${by}`);
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
    assert.ok((seen.get(outcome) ?? 0) > 400, `${outcome}: ${seen.get(outcome)}`);
  }
});

test("a lost login has a refusal of the changed policy behind it, and a changed policy is a copy", () => {
  let lost = 0;
  for (const { person, policy, servers, change, now } of makeWorlds(7, 4000)) {
    const untouched = structuredClone(policy);
    const after = withDeviceMode(policy, change);
    const groups = groupServers(servers, policy.locks, now);
    for (const each of simulateLogins(person, groups, { before: policy, after }, now)) {
      if (each.outcome !== "lost") continue;
      lost++;
      assert.match(each.reason.check, /^(role-device-mode|cluster-device-mode|locks)$/);
    }
    assert.deepEqual(policy, untouched);
  }
  assert.ok(lost > 50);
});
