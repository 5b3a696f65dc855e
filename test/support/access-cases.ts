/**
 * Random questions about access over a small world, so that roles, labels, locks and certificates meet often. Seeded:
 * the same seed gives the same cases.
 */
import type { PolicyView } from "#access/access-checks.ts";
import type { AccessRequest } from "#access/decide-access.ts";
import { sshTarget } from "#access/target.ts";
import type { DeviceExtensions, Traits, UserIdentity } from "#identity/identity.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { Lock, LockTarget } from "#resource/lock.ts";
import type { Role } from "#resource/role.ts";
import { makeUser, testDevice, testFacts } from "./identity.ts";
import { makeBrokenRole, makeLock, makePreference } from "./policy.ts";

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const now = new Date("2026-01-01T10:00:00Z");
const labelValues = ["prod", "dev", "stage"] as const;
const selectors: readonly object[] = [
  {},
  {},
  { "*": "*" },
  { "*": "*" },
  { env: "prod" },
  { env: ["dev", "stage"] },
  { env: "*" },
  { env: "^(prod|dev)$" },
  { env: "pr*" },
  { env: "prod", team: "core" },
  { team: "{{external.team}}" },
  { nowhere: "*" },
];
const expressions = [
  "",
  "",
  "",
  'labels["env"] == "prod"',
  'contains(user.spec.traits["team"], labels["team"])',
  '!(labels.env == "dev") && user.metadata.name != "bob"',
];
const loginLists: readonly string[][] = [
  [],
  ["root"],
  ["{{internal.logins}}"],
  ["ubuntu", "{{external.absent}}"],
  ["adm-{{external.team}}"],
  ["*"],
];
const postures: readonly (readonly string[])[] = [
  ["device.secure_boot"],
  ['device.os == "linux"', "device.owner == user.metadata.name"],
  ['at_most(device.data_age, "1h")'],
  ['version_at_least(device.os_version, "22.10") || device.secure_boot'],
  ["!device.profile_agrees"],
  ['user.metadata.name == "bob"'],
];
const factsPool: readonly (DeviceFacts | undefined)[] = [
  testFacts,
  testFacts,
  undefined,
  { ...testFacts, owner: "bob", secure_boot: false, os_version: "22.10.1" },
  { ...testFacts, os: "macos", data_time: "2026-01-01T08:59:59.000Z", profile_agrees: false },
  { ...testFacts, credential_id: "another" },
  {
    credential_id: testDevice.credentialId,
    asset_tag: testDevice.assetTag,
    os: "linux",
    attestation: "unspecified",
    source: "",
    origin: "",
    owner: "alice",
  },
];
const modes = [undefined, undefined, "off", "optional", "required", "required-for-humans"];

const traitPool: readonly Traits[] = [
  {},
  { logins: ["root"], team: ["core"] },
  { logins: ["ubuntu", "root"], team: ["web", "core"] },
];

type Pick = <T>(choices: readonly T[]) => T;

function pickWith(random: () => number): Pick {
  return (choices) => choices[Math.floor(random() * choices.length)] as (typeof choices)[number];
}

/** `count` roles that differ in everything that a decision looks at. */
export function makeRolePool(random: () => number, count: number): Role[] {
  const pick = pickWith(random);
  const rare = <T>(choices: readonly T[], otherwise: T): T =>
    random() < 0.25 ? pick(choices) : otherwise;
  return Array.from({ length: count }, (_, index) => {
    const spec = {
      allow: {
        node_labels: pick(selectors),
        node_labels_expression: rare(expressions, ""),
        logins: pick(loginLists),
      },
      deny: {
        node_labels: rare(selectors, {}),
        node_labels_expression: rare(expressions, ""),
        logins: rare(loginLists, []),
      },
      options: {
        device_trust_mode: pick(modes),
        device_posture: random() < 0.08 ? pick(postures) : [],
        require_session_mfa: rare([true, "hardware_key_touch"], false),
        pin_source_ip: rare([true, false], false),
      },
    };
    const odd = random() < 0.03 ? { device_trust_mode: "sometimes" } : {};
    return makeBrokenRole(`role-${index}`, spec, odd);
  });
}

const lockTargets: readonly LockTarget[] = [
  { user: "alice" },
  { user: "carol" },
  { role: "role-1" },
  { login: "ubuntu" },
  { server_id: "server-1" },
  { device: testDevice.deviceId },
  { mfa_device: "key" },
  { user: "nobody", login: "root" },
];
const lockPool: readonly Lock[] = lockTargets.flatMap((target) => [
  makeLock(target),
  makeLock(target, "2026-01-01T09:59:59Z"),
  makeLock(target, "2026-01-01T10:00:01Z"),
]);
const preferences = [
  ...modes.flatMap((mode) => [
    makePreference(mode === undefined ? {} : { device_trust: { mode } }),
    makePreference({ device_trust: { mode: mode ?? "" }, require_session_mfa: mode === "off" }),
  ]),
  // Rules refuse most: here and there is enough.
  makePreference({ device_trust: { posture: postures[0] } }),
];

/** A random question about an SSH login. */
export function makeCase(random: () => number, pool: readonly Role[]): AccessRequest {
  const pick = pickWith(random);
  const chance = (share: number): boolean => random() < share;
  const held = Array.from({ length: pick([0, 1, 1, 2, 2, 3]) }, () => pick(pool).metadata.name);
  const identity: UserIdentity = makeUser({
    username: pick(["alice", "bob"]),
    roles: chance(0.03) ? [...held, "removed"] : held,
    traits: pick(traitPool),
    logins: pick([["root"], ["root", "ubuntu"], ["root", "ubuntu", "adm-core", "*"]]),
    expires: chance(0.03) ? now : new Date(now.getTime() + 1000),
    usage: chance(0.03) ? ["db"] : [],
    privateKeyPolicy: pick(["none", "none", "hardware_key_touch"]),
    ...(chance(0.5) ? { device: deviceWith(pick) } : {}),
    ...(chance(0.2) ? { botName: pick(["ci", ""]) } : {}),
    ...(chance(0.3) ? { mfaVerified: "key" } : {}),
    ...(chance(0.1) ? { pinnedIp: pick(["10.0.0.1", "10.0.0.2"]) } : {}),
  });
  const labels: Record<string, string> = {
    env: pick(labelValues),
    ...(chance(0.5) ? { team: pick(["core", "web"]) } : {}),
  };
  const policy: PolicyView = {
    roles: new Map(pool.map((role) => [role.metadata.name, role])),
    authPreference: pick(preferences),
    locks: Array.from({ length: pick([0, 0, 0, 1, 2]) }, () => pick(lockPool)),
    devices: devicesWith(pick(factsPool)),
    current: !chance(0.02),
  };
  const server = { id: pick(["server-1", "server-2"]), hostname: "host", labels };
  const target = sshTarget(server, pick(["root", "root", "ubuntu", "adm-core", "*"]));
  return { identity, policy, target, now, clientIp: pick([undefined, "10.0.0.1", "10.0.0.1"]) };
}

function devicesWith(facts: DeviceFacts | undefined): PolicyView["devices"] {
  return new Map(facts === undefined ? [] : [[testDevice.deviceId, facts]]);
}

function deviceWith(pick: Pick): DeviceExtensions {
  return pick([testDevice, testDevice, testDevice, { ...testDevice, credentialId: "" }]);
}
