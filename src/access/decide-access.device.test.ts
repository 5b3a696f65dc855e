/** Device modes of the cluster and of roles, and second factors per session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  access,
  all,
  broken,
  cluster,
  database,
  databaseRole,
  decide,
  device,
  elsewhere,
  matching,
  type Row,
  role,
  testRows,
} from "../../test/support/access-table.ts";
import { testDevice } from "../../test/support/identity.ts";
import { makePreference, makeRole } from "../../test/support/policy.ts";
import type { PolicyView } from "./access-checks.ts";
import type { AccessTarget } from "./target.ts";

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

const rows: readonly Row[] = [
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
    roles: [databaseRole({ db_users: ["*"], db_names: ["sales"] })],
    policy: deviceMode("required"),
    target: database,
    refusedBy: "cluster-device-mode",
    expect: { message: "access to resource requires a trusted device" },
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
];

testRows(rows);

test("a refusal for lack of a device says how to enrol", () => {
  const decision = decide({ name: "", roles: [matching({ device_trust_mode: "required" })] });
  assert.ok(!decision.allowed);
  assert.match(decision.reason.hint ?? "", /tsh device enroll --current-device/);
});
