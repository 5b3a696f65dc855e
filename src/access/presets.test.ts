/** The guide's story, decided with the preset roles. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { presetAccess } from "#resource/presets/access.ts";
import { presetAuditor } from "#resource/presets/auditor.ts";
import {
  presetDeviceAdmin,
  presetDeviceEnroll,
  presetRequireTrustedDevice,
} from "#resource/presets/devices.ts";
import { presetEditor } from "#resource/presets/editor.ts";
import { makeUser, testDevice } from "../../test/support/identity.ts";
import { loginTarget, makePolicy, makePreference } from "../../test/support/policy.ts";
import { decideAccess } from "./decide-access.ts";
import { allowedLogins } from "./logins.ts";
import { mayChangeUser } from "./may-grant.ts";
import { applyRoles } from "./role-set.ts";
import { checkRule, type RuleRequest } from "./rules.ts";

const now = new Date("2026-01-01T10:00:00Z");
const presets = [
  presetAccess(),
  presetEditor(),
  presetAuditor("00000000-0000-4000-8000-000000000000"),
  presetRequireTrustedDevice(),
  presetDeviceAdmin(),
  presetDeviceEnroll(),
];
const policy = makePolicy(presets);
const before = ["access", "auditor", "editor"];
const after = [...before, "require-trusted-device"];

function login(roles: readonly string[], changes: object = {}, mode?: string) {
  const authPreference = makePreference(mode === undefined ? {} : { device_trust: { mode } });
  return decideAccess({
    identity: makeUser({ roles, ...changes }),
    policy: { ...policy, authPreference },
    target: loginTarget(),
    now,
  });
}

test("the guide's user reaches the server before the role is assigned", () => {
  assert.equal(login(before).allowed, true);
});

test("the guide's user may assign the role, enrol their own device, and unenrol it", () => {
  const granter = {
    identity: makeUser({ roles: before }),
    roles: policy.roles,
    mode: "permissive" as const,
  };
  const traits = { logins: ["root"] };
  assert.equal(
    mayChangeUser(granter, { roles: before, traits }, { roles: after, traits }).allowed,
    true,
  );
  const verbs: RuleRequest["verb"][] = ["create", "create_enroll_token", "enroll", "update"];
  for (const verb of verbs) {
    assert.equal(checkRule({ ...granter, kind: "device", verb }).allowed, true, verb);
  }
});

test("with the role and without a device the login fails at authentication", () => {
  const decision = login(after);
  assert.ok(!decision.allowed);
  assert.equal(decision.reason.check, "role-device-mode");
  assert.equal(decision.reason.role, "require-trusted-device");
  assert.equal(decision.reason.stage, "authentication");
});

test("with the role and the device the server is reached again", () => {
  assert.equal(login(after, { device: testDevice }).allowed, true);
});

test("a cluster that requires a device refuses the channel, not the authentication", () => {
  const decision = login(before, {}, "required");
  assert.ok(!decision.allowed);
  assert.equal(decision.reason.stage, "session");
  assert.equal(decision.reason.message, "unauthorized device");
});

test("the auditor's placeholder login is no way into a server", () => {
  const identity = makeUser({ roles: ["auditor"] });
  const logins = allowedLogins(applyRoles(identity, policy.roles));
  assert.deepEqual(logins, []);
  const placeholder = ["no-login-00000000-0000-4000-8000-000000000000"];
  assert.equal(login(["auditor"], { logins: placeholder }).allowed, false);
});

test("a user may read sessions that they took part in, and no others", () => {
  const ask = (participants: string[]): boolean =>
    checkRule({
      identity: makeUser({ roles: ["access"] }),
      roles: policy.roles,
      kind: "session",
      verb: "read",
      subject: { sessionParticipants: participants },
    }).allowed;
  assert.equal(ask(["bob", "alice"]), true);
  assert.equal(ask(["bob"]), false);
});

test("of the device presets only the administrator may write the inventory", () => {
  const ask = (role: string, verb: RuleRequest["verb"]): boolean =>
    checkRule({ identity: makeUser({ roles: [role] }), roles: policy.roles, kind: "device", verb })
      .allowed;
  assert.deepEqual([ask("device-enroll", "enroll"), ask("device-enroll", "create")], [true, false]);
  assert.deepEqual([ask("device-admin", "enroll"), ask("device-admin", "create")], [true, true]);
  assert.deepEqual([ask("access", "enroll"), ask("access", "list")], [false, false]);
});
