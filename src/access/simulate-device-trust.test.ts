/** What a stricter device mode takes from whom: one row per kind of person. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserIdentity } from "#identity/identity.ts";
import { access, all, logins, now } from "../../test/support/access-table.ts";
import { makeUser, testDevice } from "../../test/support/identity.ts";
import {
  makeLock,
  makePolicy,
  makePreference,
  makeRole,
  testServer,
} from "../../test/support/policy.ts";
import type { PolicyView } from "./access-checks.ts";
import {
  type DeviceTrustChange,
  groupServers,
  simulateLogins,
  withDeviceTrust,
} from "./simulate-device-trust.ts";

interface Row {
  readonly name: string;
  readonly change?: DeviceTrustChange;
  readonly user?: Partial<UserIdentity>;
  readonly devices?: readonly (typeof testDevice)[];
  readonly secondFactors?: readonly string[];
  readonly policy?: PolicyView;
  /** What becomes of the account root. */
  readonly outcome: string;
}

const required = { mode: "required" } as const;
const verifying = makePolicy([access], {
  authPreference: makePreference({ require_session_mfa: true }),
});
const off = makePolicy([access], {
  authPreference: makePreference({ device_trust: { mode: "off" } }),
});
const demanding = makeRole("access", {
  allow: { node_labels: all, logins },
  options: { device_trust_mode: "required" },
});

const rows: readonly Row[] = [
  { name: "a person without a device", outcome: "lost" },
  { name: "the owner of a device", devices: [testDevice], outcome: "kept" },
  {
    name: "nobody, when the mode demands nothing",
    change: { mode: "optional" },
    outcome: "unchanged",
  },
  { name: "a bot, when all must", user: { botName: "ci" }, outcome: "lost" },
  {
    name: "a bot, when humans must",
    change: { mode: "required-for-humans" },
    user: { botName: "ci" },
    outcome: "unchanged",
  },
  { name: "a person, when humans must", change: { mode: "required-for-humans" }, outcome: "lost" },
  {
    name: "the owner of a device that is locked",
    devices: [testDevice],
    policy: makePolicy([access], { locks: [makeLock({ device: testDevice.deviceId })] }),
    outcome: "lost",
  },
  {
    name: "a person who is locked out anyway",
    policy: makePolicy([access], { locks: [makeLock({ user: "alice" })] }),
    outcome: "refused",
  },
  {
    name: "a person whose certificate is pinned to where it was issued",
    user: { pinnedIp: "192.0.2.7" },
    outcome: "lost",
  },
  { name: "a person who cannot verify a session", policy: verifying, outcome: "refused" },
  {
    name: "a person who can verify a session",
    policy: verifying,
    secondFactors: ["key"],
    outcome: "lost",
  },
  {
    name: "the owner of a device who can verify a session",
    policy: verifying,
    devices: [testDevice],
    secondFactors: ["key"],
    outcome: "kept",
  },
  { name: "a role of the person", change: { ...required, role: "access" }, outcome: "lost" },
  {
    name: "a role that the person does not hold",
    change: { ...required, role: "other" },
    policy: makePolicy([access, makeRole("other", { allow: { node_labels: all, logins } })]),
    outcome: "unchanged",
  },
  {
    name: "a role that demands a device already",
    policy: makePolicy([demanding]),
    devices: [testDevice],
    outcome: "unchanged",
  },
  {
    name: "a device that cannot authenticate any more, since the cluster switches device trust off",
    change: { mode: "off" },
    policy: makePolicy([demanding]),
    devices: [testDevice],
    outcome: "lost",
  },
  {
    name: "a device that can authenticate again, since the cluster switches device trust on",
    policy: off,
    devices: [testDevice],
    outcome: "kept",
  },
];

for (const { name, change = required, outcome, ...row } of rows) {
  test(`${name}: ${outcome}`, () => {
    const { user, devices = [], secondFactors = [] } = row;
    const before = row.policy ?? makePolicy([access]);
    const after = withDeviceTrust(before, change);
    const person = { identity: makeUser(user), devices, secondFactors };
    const groups = groupServers([testServer], before.locks, now);
    const [root] = [...simulateLogins(person, groups, { before, after }, now)];
    assert.equal(root?.outcome, outcome);
    if (root?.outcome === "kept") assert.equal(root.device, testDevice);
    assert.equal(root?.login, "root");
  });
}

test("the reason of a loss is why the person's device does not help, if they have one", () => {
  const before = makePolicy([access], { locks: [makeLock({ device: testDevice.deviceId })] });
  const groups = groupServers([testServer], before.locks, now);
  const compared = { before, after: withDeviceTrust(before, required) };
  const reasonOf = (devices: Row["devices"] = []) => {
    const [login] = simulateLogins(
      { identity: makeUser(), devices, secondFactors: [] },
      groups,
      compared,
      now,
    );
    return login?.outcome === "lost" ? login.reason.check : login?.outcome;
  };
  assert.equal(reasonOf([testDevice]), "locks");
  assert.equal(reasonOf(), "cluster-device-mode");
});

test("servers with the same labels are one group, unless a lock in force names one of them", () => {
  const server = (id: string, labels: Record<string, string>) => ({ id, hostname: id, labels });
  const servers = [
    server("a", { env: "prod", team: "x" }),
    server("b", { team: "x", env: "prod" }),
    server("c", { env: "dev" }),
    server("d", { env: "prod", team: "x" }),
  ];
  const names = (...locks: Parameters<typeof makeLock>[]) =>
    groupServers(
      servers,
      locks.map((lock) => makeLock(...lock)),
      now,
    ).map((group) => group.servers.map(({ id }) => id).join(""));
  assert.deepEqual(names(), ["abd", "c"]);
  assert.deepEqual(names([{ server_id: "b" }]), ["ad", "b", "c"]);
  assert.deepEqual(names([{ node: "d" }]), ["ab", "c", "d"]);
  assert.deepEqual(names([{ server_id: "b" }, "2026-01-01T09:59:59Z"]), ["abd", "c"]);
});
