import assert from "node:assert/strict";
import { test } from "node:test";
import { provenUntil, reattestationOf, refuseUnproven } from "#access/reattestation.ts";
import { sshTarget } from "#access/target.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { makeUser, testDevice, testFacts } from "../../test/support/identity.ts";
import { makePolicy, makePreference, makeRole } from "../../test/support/policy.ts";

const at = (time: string) => new Date(`2026-01-01T${time}Z`);
const target = sshTarget({ id: "host", hostname: "node", labels: {} }, "root");
const demanding = makeRole("access", { options: { device_trust_mode: "required" } });
const setting = { everyMs: 600_000, since: at("00:00:00") };

/** Until when a session that began at 11:00 goes on. */
function until(changes: Partial<Parameters<typeof provenUntil>[0]> = {}, policy = {}) {
  const session = {
    identity: makeUser({ device: testDevice }),
    target,
    matching: [demanding],
    begun: at("11:00:00"),
    ...changes,
  };
  const proven = provenUntil(
    session,
    makePolicy([demanding], { reattestation: setting, ...policy }),
  );
  return proven?.toISOString().slice(11, 19);
}

/** What is known of the device, which proved itself then. */
function provedAt(time: string, credential: string = testDevice.credentialId) {
  const facts = { ...testFacts, credential_id: credential, data_time: at(time).toISOString() };
  return { devices: new Map([[testDevice.deviceId, facts]]) };
}

test("a session goes on for an interval from its beginning, the last proof or the setting, whichever is last", () => {
  assert.equal(until(), "11:10:00");
  assert.equal(until({}, provedAt("10:00:00")), "11:10:00");
  assert.equal(until({}, provedAt("11:07:00")), "11:17:00");
  assert.equal(until({}, { reattestation: { ...setting, since: at("12:00:00") } }), "12:10:00");
});

test("what another credential of the device proved does not count", () => {
  assert.equal(until({}, provedAt("11:07:00", "another")), "11:10:00");
});

test("it concerns sessions for which a device is demanded, by a role or the cluster, by a mode or a rule", () => {
  const plain = makeRole("access");
  assert.equal(until({ matching: [plain] }), undefined);
  const authPreference = makePreference({ device_trust: { mode: "required" } });
  assert.equal(until({ matching: [plain] }, { authPreference }), "11:10:00");
  const ruled = makeRole("access", { options: { device_posture: ["device.secure_boot"] } });
  assert.equal(until({ matching: [ruled] }), "11:10:00");
  // The cluster's mode is not for applications.
  const app = { ...target, protocol: "app" as const };
  assert.equal(until({ matching: [plain], target: app }, { authPreference }), undefined);
});

test("without a device, or without the setting, there is nothing to prove", () => {
  assert.equal(until({ identity: makeUser() }), undefined);
  const policy = makePolicy([demanding]);
  const session = { identity: makeUser({ device: testDevice }), target, matching: [demanding] };
  assert.equal(provenUntil({ ...session, begun: at("11:00:00") }, policy), undefined);
});

test("the setting is read from the policy, and the refusal says the interval", () => {
  const policy = (spec: object) =>
    reattestationOf(parseResourceOf("attestation_policy", { kind: "attestation_policy", spec }));
  assert.equal(policy({}), undefined);
  const read = policy({ reattestation: { every: "15m", since: "2026-01-01T00:00:00Z" } });
  assert.deepEqual(read, { everyMs: 900_000, since: at("00:00:00") });
  const { message, hint } = refuseUnproven(setting);
  assert.match(message, /within 10m0s$/);
  assert.match(hint ?? "", /tsh device doctor/);
});
