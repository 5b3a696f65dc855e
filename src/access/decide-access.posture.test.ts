/** Posture rules of roles and of the cluster, against what is known of the device that a certificate names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  access,
  broken,
  cluster,
  database,
  databaseRole,
  decide,
  device,
  elsewhere,
  knowing,
  matching,
  type Row,
  testRows,
} from "../../test/support/access-table.ts";
import { testDevice } from "../../test/support/identity.ts";
import { makePreference, makeRole } from "../../test/support/policy.ts";
import { hasPostureRules } from "./device-posture.ts";
import type { AccessTarget } from "./target.ts";

const secureBoot = "device.secure_boot";
const posture = (rule: unknown, mode?: string) =>
  matching({ device_posture: [rule], ...(mode === undefined ? {} : { device_trust_mode: mode }) });
const clusterPosture = (rule: unknown, mode = "") =>
  cluster({ device_trust: { mode, posture: [rule] } });
const app: AccessTarget = {
  protocol: "app",
  name: "grafana",
  labels: { env: "prod" },
  demands: [],
  usage: "apps",
  lockable: {},
};

const rows: readonly Row[] = [
  {
    name: "a role's rule that is met",
    roles: [posture(secureBoot)],
    user: device,
    policy: knowing(),
  },
  {
    name: "a role's rule that is not met",
    roles: [posture(secureBoot)],
    user: device,
    policy: knowing({ secure_boot: false }),
    refusedBy: "role-device-posture",
    expect: {
      stage: "authentication",
      code: "device-required",
      role: "extra",
      rule: "options.device_posture[0]",
      message: "the device does not meet a posture rule: device.secure_boot",
    },
  },
  {
    name: "the second of a role's rules is not met",
    roles: [matching({ device_posture: ["device.secure_boot", 'device.os == "macos"'] })],
    user: device,
    policy: knowing(),
    refusedBy: "role-device-posture",
    expect: { rule: "options.device_posture[1]" },
  },
  {
    name: "a rule with words of the administrator",
    roles: [posture({ rule: 'version_at_least(device.os_version, "24.04")', message: "Upgrade." })],
    user: device,
    policy: knowing(),
    refusedBy: "role-device-posture",
    expect: { message: "the device does not meet a posture rule: Upgrade." },
  },
  {
    name: "no device, where no mode demands one",
    roles: [posture(secureBoot)],
    policy: knowing(),
    refusedBy: "role-device-posture",
  },
  {
    name: "no device, and a rule that is about the person",
    roles: [posture('user.metadata.name == "alice"')],
  },
  {
    name: "a device of which nothing is known here",
    roles: [posture(secureBoot)],
    user: device,
    refusedBy: "role-device-posture",
  },
  {
    name: "facts of another credential than that of the certificate",
    roles: [posture(secureBoot)],
    user: device,
    policy: knowing({ credential_id: "new" }),
    refusedBy: "role-device-posture",
  },
  {
    name: "a certificate that names half a device",
    roles: [posture(secureBoot)],
    user: { device: { ...testDevice, assetTag: "" } },
    policy: knowing(),
    refusedBy: "role-device-posture",
  },
  {
    name: "data that are as old as they may be",
    roles: [posture('at_most(device.data_age, "1h")')],
    user: device,
    policy: knowing(),
  },
  {
    name: "data that are too old",
    roles: [posture('at_most(device.data_age, "1h")')],
    user: device,
    policy: knowing({ data_time: "2026-01-01T08:59:59.999Z" }),
    refusedBy: "role-device-posture",
  },
  {
    name: "data from a clock that is ahead",
    roles: [posture('at_most(device.data_age, "1s")')],
    user: device,
    policy: knowing({ data_time: "2026-01-01T10:00:01.000Z" }),
  },
  {
    name: "the owner's own device",
    roles: [posture("device.owner == user.metadata.name")],
    user: device,
    policy: knowing(),
  },
  {
    name: "another person's device",
    roles: [posture("device.owner == user.metadata.name")],
    user: device,
    policy: knowing({ owner: "bob" }),
    refusedBy: "role-device-posture",
  },
  {
    name: "a role with a rule that does not match",
    roles: [access, elsewhere({ device_posture: [secureBoot] })],
  },
  {
    name: "a second matching role with a rule",
    roles: [access, posture(secureBoot)],
    refusedBy: "role-device-posture",
  },
  { name: "a rule beside the mode off", roles: [posture(secureBoot, "off")] },
  {
    name: "a rule beside the mode optional",
    roles: [posture(secureBoot, "optional")],
    refusedBy: "role-device-posture",
  },
  {
    name: "a rule beside required-for-humans, bot",
    roles: [posture(secureBoot, "required-for-humans")],
    user: { botName: "ci" },
  },
  {
    name: "a rule beside required-for-humans, empty bot name",
    roles: [posture(secureBoot, "required-for-humans")],
    user: { botName: "" },
    refusedBy: "role-device-mode",
  },
  {
    name: "a rule, bot",
    roles: [posture(secureBoot)],
    user: { botName: "ci" },
    refusedBy: "role-device-posture",
  },
  {
    name: "a rule that no schema lets pass, even with device",
    roles: [broken({ device_posture: [{ rule: "device.nothing" }] })],
    user: device,
    policy: knowing(),
    refusedBy: "role-device-posture",
  },

  {
    name: "the cluster's rule that is met",
    policy: { ...clusterPosture(secureBoot), ...knowing() },
    user: device,
  },
  {
    name: "the cluster's rule that is not met",
    policy: { ...clusterPosture(secureBoot), ...knowing({ secure_boot: false }) },
    user: device,
    refusedBy: "cluster-device-posture",
    expect: {
      stage: "session",
      code: "device-required",
      rule: "cluster_auth_preference.device_trust.posture[0]",
      message: "unauthorized device: the device does not meet a posture rule: device.secure_boot",
    },
  },
  { name: "the cluster's rule beside off", policy: clusterPosture(secureBoot, "off") },
  {
    name: "the cluster's rule and an application",
    roles: [makeRole("x", { allow: { app_labels: { "*": "*" } } })],
    policy: clusterPosture(secureBoot),
    target: app,
  },
  {
    name: "the cluster's rule and a database",
    roles: [databaseRole({ db_users: ["*"], db_names: ["sales"] })],
    policy: clusterPosture(secureBoot),
    target: database,
    refusedBy: "cluster-device-posture",
    expect: { message: "the device does not meet a posture rule: device.secure_boot" },
  },
  {
    name: "both rules: the role's refusal shows first",
    roles: [posture(secureBoot)],
    policy: clusterPosture(secureBoot),
    refusedBy: "role-device-posture",
  },
];

testRows(rows);

function refusalOf(row: Omit<Row, "name">) {
  const decision = decide({ name: "", ...row });
  return decision.allowed ? assert.fail("allowed") : decision.reason;
}

test("a refusal names rule and facts, to the person and in the audit log", () => {
  const rule = 'device.os == "linux" && (device.secure_boot || at_most(device.data_age, "10m"))';
  const { hint = "", audit } = refusalOf({
    roles: [posture(rule)],
    user: device,
    policy: { devices: new Map([...knowing().devices].map(([id, f]) => [id, without(f)])) },
  });
  assert.equal(
    hint,
    [
      `the role "extra" demands of the device: ${rule}`,
      "device.secure_boot is not known",
      "device.data_age is 1h0m0s",
      "this machine did not prove how it booted; see whether its event log is readable: tsh device doctor",
      "the device proves itself anew at a login: tsh login",
    ].join("\n"),
  );
  assert.equal(audit["posture_rule"], rule);
  assert.equal(audit["device_facts"], "device.secure_boot is not known; device.data_age is 1h0m0s");
  assert.equal(audit["missing_facts"], "device.secure_boot");
});

function without<T extends { secure_boot?: boolean | undefined }>({ secure_boot: _, ...rest }: T) {
  return rest;
}

test("whoever has no device reads that, not a list of facts", () => {
  const { hint = "" } = refusalOf({ roles: [posture(secureBoot)] });
  assert.match(hint, /this login has no trusted device; see: tsh device status/);
  assert.doesNotMatch(hint, /not known/);
});

test("services know whether decisions look at devices", () => {
  const policyOf = (rule?: string, mode?: string) => ({
    roles: new Map([
      [
        "x",
        makeRole("x", { options: rule ? { device_posture: rule, device_trust_mode: mode } : {} }),
      ],
    ]),
    authPreference: makePreference(),
  });
  assert.equal(hasPostureRules(policyOf()), false);
  assert.equal(hasPostureRules(policyOf(secureBoot, "off")), false);
  assert.equal(hasPostureRules(policyOf(secureBoot)), true);
  const ruled = makePreference({ device_trust: { posture: secureBoot } });
  assert.equal(hasPostureRules({ roles: new Map(), authPreference: ruled }), true);
});
