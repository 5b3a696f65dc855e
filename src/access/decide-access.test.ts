import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import { makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import {
  loginTarget,
  makeBrokenRole,
  makeLock,
  makePolicy,
  makePreference,
  makeRole,
  testServer,
} from "../../test/support/policy.ts";
import type { PolicyView } from "./access-checks.ts";
import { decideAccess, decideIdentity } from "./decide-access.ts";
import type { CheckName, Refusal } from "./decision.ts";
import type { AccessTarget } from "./target.ts";

const now = new Date("2026-01-01T10:00:00Z");
const all = { "*": "*" };
const logins = ["{{internal.logins}}"];
const access = makeRole("access", { allow: { node_labels: all, logins } });
const device = { device: testDevice };

interface Row {
  readonly name: string;
  readonly roles?: readonly Role[];
  readonly user?: Partial<UserIdentity>;
  readonly policy?: Partial<PolicyView>;
  readonly target?: AccessTarget;
  readonly clientIp?: string;
  /** Undefined: allowed. */
  readonly refusedBy?: CheckName;
  readonly expect?: Partial<Refusal>;
}

function decide(row: Row) {
  const roles = row.roles ?? [access];
  const names = roles.map((role) => role.metadata.name);
  return decideAccess({
    identity: makeUser({ roles: names, ...row.user }),
    policy: makePolicy(roles, row.policy),
    target: row.target ?? loginTarget(),
    now,
    clientIp: row.clientIp,
  });
}

function role(options: object, allow: object = {}, deny: object = {}): Role {
  return makeRole("extra", { options, allow, deny });
}

/** A role that matches the test server and has these options. */
const matching = (options: object): Role =>
  role(options, { node_labels: { env: "prod" }, logins: ["root"] });
/** A role that does not match the test server. */
const elsewhere = (options: object): Role =>
  role(options, { node_labels: { env: "dev" }, logins: ["root"] });
const broken = (options: object): Role =>
  makeBrokenRole("extra", { allow: { node_labels: all, logins: ["root"] } }, options);
const cluster = (spec: object): Partial<PolicyView> => ({ authPreference: makePreference(spec) });
const deviceMode = (mode: string): Partial<PolicyView> => cluster({ device_trust: { mode } });
const unknownClusterMode: Partial<PolicyView> = (() => {
  const preference = makePreference();
  const device_trust = { mode: "sometimes" as "off" };
  return { authPreference: { ...preference, spec: { ...preference.spec, device_trust } } };
})();
const app: AccessTarget = {
  protocol: "app",
  name: "grafana",
  labels: { env: "prod" },
  demands: [],
  usage: "apps",
  lockable: {},
};
const database: AccessTarget = {
  protocol: "db",
  name: "pg",
  labels: { env: "prod" },
  demands: [
    { field: "db_users", value: "reader", noun: "database user" },
    { field: "db_names", value: "sales", noun: "database" },
  ],
  usage: "db",
  lockable: {},
};
const dbRole = (extra: object, deny: object = {}): Role =>
  makeRole("dba", { allow: { db_labels: all, ...extra }, deny });

const rows: readonly Row[] = [
  { name: "a role with labels and login" },
  { name: "no role at all", roles: [], refusedBy: "allow-rules" },
  {
    name: "a role that matches no label",
    roles: [elsewhere({})],
    refusedBy: "allow-rules",
    expect: { message: "no role allows access to ip-172-31-35-170", stage: "authentication" },
  },
  {
    name: "a role without the login",
    roles: [makeRole("web", { allow: { node_labels: all, logins: ["www"] } })],
    refusedBy: "allow-rules",
    expect: {
      message: 'no role allows login "root" on ip-172-31-35-170',
      role: "web",
      rule: "allow.logins",
    },
  },
  {
    name: "labels of one role and login of another",
    roles: [
      makeRole("labels", { allow: { node_labels: all } }),
      makeRole("login", { allow: { node_labels: { env: "dev" }, logins: ["root"] } }),
    ],
    refusedBy: "allow-rules",
  },
  {
    name: "a star among allowed logins",
    roles: [makeRole("x", { allow: { node_labels: all, logins: ["*"] } })],
    refusedBy: "allow-rules",
  },
  {
    name: "a login that the certificate lacks",
    user: { logins: ["ubuntu"] },
    refusedBy: "certificate-principal",
  },
  { name: "a template without values", user: { traits: {} }, refusedBy: "allow-rules" },
  {
    name: "a label glob",
    roles: [makeRole("x", { allow: { node_labels: { env: "pr*" }, logins } })],
  },
  {
    name: "a label pattern",
    roles: [makeRole("x", { allow: { node_labels: { env: "^pr.d$" }, logins } })],
  },
  {
    name: "a label from a trait",
    roles: [makeRole("x", { allow: { node_labels: { team: "{{external.team}}" }, logins } })],
    user: { traits: { logins: ["root"], team: ["core"] } },
  },
  {
    name: "a label from a trait that is not there",
    roles: [makeRole("x", { allow: { node_labels: { team: "{{external.team}}" }, logins } })],
    refusedBy: "allow-rules",
  },
  {
    name: "a label key from a trait that is a star",
    roles: [makeRole("x", { allow: { node_labels: { "{{external.key}}": "*" }, logins } })],
    user: { traits: { logins: ["root"], key: ["*"] } },
    refusedBy: "allow-rules",
  },
  {
    name: "a label key from a trait",
    roles: [makeRole("x", { allow: { node_labels: { "{{external.key}}": "prod" }, logins } })],
    user: { traits: { logins: ["root"], key: ["env"] } },
  },
  {
    name: "a label expression",
    roles: [
      makeRole("x", { allow: { node_labels_expression: 'labels["env"] == "prod"', logins } }),
    ],
  },
  {
    name: "a label expression that is false",
    roles: [makeRole("x", { allow: { node_labels_expression: 'labels["env"] == "dev"', logins } })],
    refusedBy: "allow-rules",
  },
  {
    name: "labels that match and an expression that does not",
    roles: [
      makeRole("x", {
        allow: { node_labels: all, node_labels_expression: 'labels["env"] == "dev"', logins },
      }),
    ],
    refusedBy: "allow-rules",
  },
  {
    name: "an allow pattern that cannot be evaluated",
    roles: [withLabels("allow", { env: ["^(prod$"] })],
    refusedBy: "allow-rules",
  },

  {
    name: "a denied login",
    roles: [access, role({}, {}, { logins: ["root"] })],
    refusedBy: "deny-rules",
    expect: { role: "extra", rule: "deny.logins" },
  },
  { name: "another denied login", roles: [access, role({}, {}, { logins: ["ubuntu"] })] },
  {
    name: "every login denied",
    roles: [access, role({}, {}, { logins: ["*"] })],
    refusedBy: "deny-rules",
  },
  {
    name: "a login denied by trait",
    roles: [access, role({}, {}, { logins: ["{{external.never}}"] })],
    user: { traits: { logins: ["root"], never: ["root"] } },
    refusedBy: "deny-rules",
  },
  {
    name: "denied labels",
    roles: [access, role({}, {}, { node_labels: { env: "prod" } })],
    refusedBy: "deny-rules",
    expect: { rule: "deny.node_labels" },
  },
  { name: "other denied labels", roles: [access, role({}, {}, { node_labels: { env: "dev" } })] },
  {
    name: "a denying label expression",
    roles: [access, role({}, {}, { node_labels_expression: 'labels.team == "core"' })],
    refusedBy: "deny-rules",
    expect: { rule: "deny.node_labels_expression" },
  },
  {
    name: "a deny pattern that cannot be evaluated",
    roles: [access, withLabels("deny", { env: ["^(prod$"] })],
    refusedBy: "deny-rules",
  },
  { name: "denied labels of databases", roles: [access, role({}, {}, { db_labels: all })] },

  {
    name: "a role that was removed",
    user: { roles: ["access", "gone"] },
    refusedBy: "roles-known",
    expect: { role: "gone", message: 'role "gone" is not found' },
  },
  {
    name: "an expired certificate",
    user: { expires: now },
    refusedBy: "certificate-validity",
    expect: { code: "unproven" },
  },
  {
    name: "a certificate that expires a moment later",
    user: { expires: new Date(now.getTime() + 1) },
  },
  { name: "a database certificate", user: { usage: ["db"] }, refusedBy: "certificate-usage" },
  {
    name: "outdated rules",
    policy: { current: false },
    refusedBy: "policy-current",
    expect: { code: "unavailable" },
  },

  {
    name: "a pinned certificate from its address",
    user: { pinnedIp: "10.0.0.1" },
    clientIp: "::ffff:10.0.0.1",
  },
  {
    name: "a pinned certificate from another address",
    user: { pinnedIp: "10.0.0.1" },
    clientIp: "10.0.0.2",
    refusedBy: "source-address",
  },
  {
    name: "a pinned certificate from nowhere",
    user: { pinnedIp: "10.0.0.1" },
    refusedBy: "source-address",
  },
  {
    name: "pin_source_ip and no pinned address",
    roles: [access, role({ pin_source_ip: true })],
    clientIp: "10.0.0.1",
    refusedBy: "source-address",
    expect: { role: "extra", rule: "options.pin_source_ip" },
  },
  {
    name: "pin_source_ip and a pinned address",
    roles: [access, role({ pin_source_ip: true })],
    user: { pinnedIp: "2001:DB8::1" },
    clientIp: "2001:db8:0::1",
  },

  { name: "role mode off", roles: [matching({ device_trust_mode: "off" })] },
  { name: "role mode optional", roles: [matching({ device_trust_mode: "optional" })] },
  { name: "role mode empty", roles: [matching({ device_trust_mode: "" })] },
  {
    name: "role mode required, no device",
    roles: [matching({ device_trust_mode: "required" })],
    refusedBy: "role-device-mode",
    expect: {
      stage: "authentication",
      code: "device-required",
      role: "extra",
      rule: "options.device_trust_mode",
      message: "access to resource requires a trusted device",
    },
  },
  {
    name: "role mode required, with device",
    roles: [matching({ device_trust_mode: "required" })],
    user: device,
  },
  {
    name: "role mode required, device without credential",
    roles: [matching({ device_trust_mode: "required" })],
    user: { device: { ...testDevice, credentialId: "" } },
    refusedBy: "role-device-mode",
  },
  {
    name: "role mode required, device without tag",
    roles: [matching({ device_trust_mode: "required" })],
    user: { device: { ...testDevice, assetTag: "" } },
    refusedBy: "role-device-mode",
  },
  {
    name: "role mode required, device without id",
    roles: [matching({ device_trust_mode: "required" })],
    user: { device: { ...testDevice, deviceId: "" } },
    refusedBy: "role-device-mode",
  },
  {
    name: "role mode required, bot",
    roles: [matching({ device_trust_mode: "required" })],
    user: { botName: "ci" },
    refusedBy: "role-device-mode",
  },
  {
    name: "role mode required-for-humans, human",
    roles: [matching({ device_trust_mode: "required-for-humans" })],
    refusedBy: "role-device-mode",
  },
  {
    name: "role mode required-for-humans, bot",
    roles: [matching({ device_trust_mode: "required-for-humans" })],
    user: { botName: "ci" },
  },
  {
    name: "role mode required-for-humans, empty bot name",
    roles: [matching({ device_trust_mode: "required-for-humans" })],
    user: { botName: "" },
    refusedBy: "role-device-mode",
  },
  {
    name: "an unknown role mode, even with device",
    roles: [broken({ device_trust_mode: "sometimes" })],
    user: device,
    refusedBy: "role-device-mode",
  },
  {
    name: "a second matching role that requires a device",
    roles: [access, matching({ device_trust_mode: "required" })],
    refusedBy: "role-device-mode",
  },
  {
    name: "a role that requires a device and does not match",
    roles: [access, elsewhere({ device_trust_mode: "required" })],
  },
  {
    name: "a role that requires a device and lacks the login",
    roles: [access, role({ device_trust_mode: "required" }, { node_labels: all, logins: ["www"] })],
  },

  { name: "cluster mode unset", policy: cluster({}) },
  { name: "cluster mode off", policy: deviceMode("off") },
  { name: "cluster mode optional", policy: deviceMode("optional") },
  {
    name: "cluster mode required, no device",
    policy: deviceMode("required"),
    refusedBy: "cluster-device-mode",
    expect: {
      stage: "session",
      message: "unauthorized device",
      code: "device-required",
      rule: "cluster_auth_preference.device_trust.mode",
    },
  },
  { name: "cluster mode required, with device", policy: deviceMode("required"), user: device },
  {
    name: "cluster mode required, bot",
    policy: deviceMode("required"),
    user: { botName: "ci" },
    refusedBy: "cluster-device-mode",
  },
  {
    name: "cluster mode required-for-humans, human",
    policy: deviceMode("required-for-humans"),
    refusedBy: "cluster-device-mode",
  },
  {
    name: "cluster mode required-for-humans, bot",
    policy: deviceMode("required-for-humans"),
    user: { botName: "ci" },
  },
  {
    name: "an unknown cluster mode, even with device",
    policy: unknownClusterMode,
    user: device,
    refusedBy: "cluster-device-mode",
  },
  {
    name: "both modes: the role's refusal shows first",
    roles: [matching({ device_trust_mode: "required" })],
    policy: deviceMode("required"),
    refusedBy: "role-device-mode",
  },
  {
    name: "cluster mode and an application",
    roles: [makeRole("x", { allow: { app_labels: all } })],
    policy: deviceMode("required"),
    target: app,
  },
  {
    name: "role mode and an application",
    roles: [
      makeRole("x", { allow: { app_labels: all }, options: { device_trust_mode: "required" } }),
    ],
    target: app,
    refusedBy: "role-device-mode",
  },
  {
    name: "cluster mode and a database",
    roles: [dbRole({ db_users: ["*"], db_names: ["sales"] })],
    policy: deviceMode("required"),
    target: database,
    refusedBy: "cluster-device-mode",
    expect: { message: "access to resource requires a trusted device" },
  },

  {
    name: "a database with its user and name",
    roles: [dbRole({ db_users: ["reader"], db_names: ["sales"] })],
    target: database,
    user: { usage: ["db"] },
  },
  {
    name: "a database without its name",
    roles: [dbRole({ db_users: ["reader"], db_names: ["hr"] })],
    target: database,
    refusedBy: "allow-rules",
    expect: { rule: "allow.db_names" },
  },
  {
    name: "a denied database user",
    roles: [dbRole({ db_users: ["*"], db_names: ["*"] }, { db_users: ["reader"] })],
    target: database,
    refusedBy: "deny-rules",
  },

  {
    name: "session MFA demanded by a role",
    roles: [matching({ require_session_mfa: true })],
    refusedBy: "session-mfa",
    expect: { role: "extra" },
  },
  {
    name: "session MFA given",
    roles: [matching({ require_session_mfa: true })],
    user: { mfaVerified: "key-1" },
  },
  {
    name: "session MFA by touch",
    roles: [matching({ require_session_mfa: true })],
    user: { privateKeyPolicy: "hardware_key_touch" },
  },
  {
    name: "session MFA demanded by a role that does not match",
    roles: [access, elsewhere({ require_session_mfa: true })],
  },
  {
    name: "session MFA demanded by the cluster",
    policy: cluster({ require_session_mfa: true }),
    refusedBy: "session-mfa",
    expect: { rule: "cluster_auth_preference.require_session_mfa" },
  },
  {
    name: "a hardware key demanded",
    roles: [matching({ require_session_mfa: "hardware_key" })],
    user: { mfaVerified: "key-1" },
    refusedBy: "session-mfa",
  },
  {
    name: "a hardware key and MFA",
    roles: [matching({ require_session_mfa: "hardware_key" })],
    user: { mfaVerified: "k", privateKeyPolicy: "hardware_key" },
  },
  {
    name: "a hardware key without MFA",
    roles: [matching({ require_session_mfa: "hardware_key" })],
    user: { privateKeyPolicy: "hardware_key" },
    refusedBy: "session-mfa",
  },
  {
    name: "a touch demanded",
    roles: [matching({ require_session_mfa: "hardware_key_touch" })],
    user: { mfaVerified: "k", privateKeyPolicy: "hardware_key" },
    refusedBy: "session-mfa",
  },
  {
    name: "a PIN demanded",
    roles: [matching({ require_session_mfa: "hardware_key_pin" })],
    user: { privateKeyPolicy: "hardware_key_pin" },
  },
  {
    name: "touch and PIN demanded",
    roles: [matching({ require_session_mfa: "hardware_key_touch_and_pin" })],
    user: { privateKeyPolicy: "hardware_key_touch" },
    refusedBy: "session-mfa",
  },
  {
    name: "an unknown MFA demand",
    roles: [broken({ require_session_mfa: "palm" })],
    user: { mfaVerified: "k" },
    refusedBy: "session-mfa",
  },

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

function withLabels(side: "allow" | "deny", labels: Record<string, string[]>): Role {
  const base = makeRole("bad", { allow: side === "allow" ? { logins } : {} });
  const conditions = { ...base.spec[side], node_labels: labels };
  return { ...base, spec: { ...base.spec, [side]: conditions } };
}

for (const row of rows) {
  test(`${row.name}: ${row.refusedBy === undefined ? "allowed" : `refused by ${row.refusedBy}`}`, () => {
    const decision = decide(row);
    const reason = decision.allowed ? undefined : decision.reason;
    assert.equal(reason?.check, row.refusedBy, reason?.message ?? "");
    if (reason === undefined) return;
    assert.equal(reason.audit["check"], row.refusedBy);
    for (const [key, value] of Object.entries(row.expect ?? {})) {
      assert.deepEqual(reason[key as keyof Refusal], value, key);
    }
  });
}

test("a refusal for lack of a device says how to enrol", () => {
  const decision = decide({ name: "", roles: [matching({ device_trust_mode: "required" })] });
  assert.ok(!decision.allowed);
  assert.match(decision.reason.hint ?? "", /tsh device enroll --current-device/);
});

test("a grant names the roles that gave it", () => {
  const decision = decide({ name: "", roles: [access, elsewhere({})] });
  assert.ok(decision.allowed);
  assert.deepEqual(
    decision.matching.map((granted) => granted.metadata.name),
    ["access"],
  );
});

test("the auth API asks for no device, or nobody could enrol one", () => {
  const identity = makeUser({ roles: ["extra"] });
  const policy = makePolicy([matching({ device_trust_mode: "required" })], deviceMode("required"));
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
