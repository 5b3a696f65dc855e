/** Locks, and what the auth API asks before every call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceLockTarget } from "#access/locks.ts";
import type { UserIdentity } from "#identity/identity.ts";
import {
  access,
  device,
  matching,
  now,
  type Row,
  testRows,
} from "../../test/support/access-table.ts";
import { makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import {
  loginTarget,
  makeLock,
  makePolicy,
  makePreference,
  testServer,
} from "../../test/support/policy.ts";
import type { PolicyView } from "./access-checks.ts";
import { decideAccess, decideIdentity } from "./decide-access.ts";
import type { CheckName } from "./decision.ts";

const rows: readonly Row[] = [
  {
    name: "a locked user",
    policy: { locks: [makeLock({ user: "alice" })] },
    refusedBy: "locks",
    expect: {
      stage: "session",
      code: "locked",
      message: 'lock targeting User:"alice" is in force',
    },
  },
  {
    name: "a lock with a message",
    policy: { locks: [makeLock({ user: "alice" }, undefined, "on leave")] },
    refusedBy: "locks",
    expect: { message: 'lock targeting User:"alice" is in force: on leave' },
  },
  { name: "another locked user", policy: { locks: [makeLock({ user: "bob" })] } },
  { name: "a locked role", policy: { locks: [makeLock({ role: "access" })] }, refusedBy: "locks" },
  { name: "a locked login", policy: { locks: [makeLock({ login: "root" })] }, refusedBy: "locks" },
  { name: "another locked login", policy: { locks: [makeLock({ login: "ubuntu" })] } },
  {
    name: "a locked server",
    policy: { locks: [makeLock({ server_id: testServer.id })] },
    refusedBy: "locks",
  },
  {
    name: "a locked node, by the old name",
    policy: { locks: [makeLock({ node: testServer.id })] },
    refusedBy: "locks",
  },
  {
    name: "a locked device",
    policy: { locks: [makeLock({ device: testDevice.deviceId })] },
    user: device,
    refusedBy: "locks",
    expect: { message: `lock targeting Device:"${testDevice.deviceId}" is in force` },
  },
  {
    name: "a device that is no longer enrolled with the key of the certificate",
    policy: {
      locks: [makeLock({ device: deviceLockTarget(testDevice.deviceId, testDevice.credentialId) })],
    },
    user: device,
    refusedBy: "locks",
    expect: { hint: "enroll this device again with: tsh device enroll --current-device" },
  },
  {
    name: "a device that is locked by its asset tag",
    policy: { locks: [makeLock({ device: testDevice.assetTag })] },
    user: device,
    refusedBy: "locks",
    expect: { message: `lock targeting Device:"${testDevice.assetTag}" is in force` },
  },
  {
    name: "a locked device of somebody else",
    policy: { locks: [makeLock({ device: testDevice.deviceId })] },
  },
  {
    name: "a locked MFA device",
    policy: { locks: [makeLock({ mfa_device: "k" })] },
    user: { mfaVerified: "k" },
    refusedBy: "locks",
  },
  {
    name: "a locked access request",
    policy: { locks: [makeLock({ access_request: "r" })] },
    user: { activeRequests: ["r"] },
    refusedBy: "locks",
  },
  {
    name: "a lock that has expired",
    policy: { locks: [makeLock({ user: "alice" }, "2026-01-01T10:00:00Z")] },
  },
  {
    name: "a lock that will expire",
    policy: { locks: [makeLock({ user: "alice" }, "2026-01-01T10:00:01Z")] },
    refusedBy: "locks",
  },
  {
    name: "a lock that names several things strikes each",
    policy: { locks: [makeLock({ user: "bob", login: "root" })] },
    refusedBy: "locks",
  },
  {
    name: "a locked user without any role: authentication fails first",
    roles: [],
    policy: { locks: [makeLock({ user: "alice" })] },
    refusedBy: "allow-rules",
  },
];

testRows(rows);

test("a running session may outlive its certificate where the caller says so, and no lock", () => {
  const identity = makeUser({ expires: now });
  const request = { identity, policy: makePolicy([access]), target: loginTarget(), now };
  assert.equal(decideAccess(request).allowed, false);
  assert.equal(decideAccess({ ...request, acceptExpired: true }).allowed, true);
  const policy = makePolicy([access], { locks: [makeLock({ user: "alice" })] });
  assert.equal(decideAccess({ ...request, policy, acceptExpired: true }).allowed, false);
});

test("the auth API asks for no device, or nobody could enrol one", () => {
  const identity = makeUser({ roles: ["extra"] });
  const policy = makePolicy([matching({ device_trust_mode: "required" })], {
    authPreference: makePreference({ device_trust: { mode: "required" } }),
  });
  assert.deepEqual(decideIdentity({ identity, policy, now }), { allowed: true });
});

const identityRows: readonly (readonly [
  string,
  Partial<UserIdentity>,
  Partial<PolicyView>,
  CheckName,
])[] = [
  ["an expired certificate", { expires: now }, {}, "certificate-validity"],
  ["a database certificate", { usage: ["db"] }, {}, "certificate-usage"],
  ["a locked user", {}, { locks: [makeLock({ user: "alice" })] }, "locks"],
  ["a removed role", { roles: ["gone"] }, {}, "roles-known"],
  ["a pinned certificate", { pinnedIp: "10.0.0.1" }, {}, "source-address"],
  ["outdated rules", {}, { current: false }, "policy-current"],
];

for (const [name, changes, policyChanges, check] of identityRows) {
  test(`the auth API refuses ${name}`, () => {
    const policy = makePolicy([access], policyChanges);
    const identity = makeUser({ ...changes });
    const decision = decideIdentity({ identity, policy, now });
    assert.equal(decision.allowed ? undefined : decision.reason.check, check);
  });
}

test("a service is held against validity and locks", () => {
  const identity = makeSystem();
  assert.equal(decideIdentity({ identity, policy: makePolicy([]), now }).allowed, true);
  for (const locks of [
    [makeLock({ server_id: identity.hostId })],
    [makeLock({ node: `${identity.hostId}.example.com` })],
  ]) {
    assert.equal(
      decideIdentity({ identity, policy: makePolicy([], { locks }), now }).allowed,
      false,
    );
  }
  const expired = makeSystem({ expires: now });
  assert.equal(decideIdentity({ identity: expired, policy: makePolicy([]), now }).allowed, false);
});
