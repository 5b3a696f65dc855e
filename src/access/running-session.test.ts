import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyView } from "#access/access-checks.ts";
import { judgeSession, type RunningSession } from "#access/running-session.ts";
import { sshTarget } from "#access/target.ts";
import { defaultNetworkingConfig } from "#resource/singletons.ts";
import { makeUser, testDevice } from "../../test/support/identity.ts";
import { makeLock, makePolicy, makePreference, makeRole } from "../../test/support/policy.ts";

const now = new Date("2026-01-01T11:00:00Z");
const expired = new Date("2026-01-01T13:00:00Z");
const allow = { logins: ["root"], node_labels: { "*": "*" } };
const session: RunningSession = {
  identity: makeUser(),
  target: sshTarget({ id: "host", hostname: "node", labels: {} }, "root"),
  clientIp: "192.0.2.1",
};

const access = (options: object = {}) => makePolicy([makeRole("access", { allow, options })]);

function judge(policy: PolicyView, at = now) {
  return judgeSession(session, {
    policy,
    networking: defaultNetworkingConfig(),
    now: at,
    begun: now,
  });
}

/** The check that ends the session, or undefined. */
function ending(policy: PolicyView, at = now): string | undefined {
  const standing = judge(policy, at);
  return standing.ends ? standing.reason.check : undefined;
}

test("a session that the rules still allow goes on", () => {
  assert.equal(ending(access()), undefined);
});

test("a role that is taken away, and a lock, end it", () => {
  assert.equal(ending(makePolicy([])), "roles-known");
  assert.equal(ending({ ...access(), locks: [makeLock({ login: "root" })] }), "locks");
});

test("outdated rules end a session in strict locking mode only", () => {
  const outdated = { ...access(), current: false };
  assert.equal(ending(outdated), undefined);
  const authPreference = makePreference({ locking_mode: "strict" });
  assert.equal(ending({ ...outdated, authPreference }), "policy-current");
  assert.equal(ending({ ...access({ lock: "strict" }), current: false }), "policy-current");
});

test("a lock that is known ends a session even when the rules are outdated", () => {
  const policy = { ...access(), current: false, locks: [makeLock({ user: "alice" })] };
  assert.equal(ending(policy), "locks");
});

test("an expired certificate ends a session only where role or cluster want that", () => {
  assert.equal(ending(access(), expired), undefined);
  const policy = access({ disconnect_expired_cert: true });
  assert.equal(ending(policy, expired), "certificate-validity");
  // Also when nobody can say whether the rules are still those.
  assert.equal(ending({ ...policy, current: false }, expired), "certificate-validity");
});

test("says when time alone will end it", () => {
  const due = (policy: PolicyView) => {
    const standing = judge(policy);
    return standing.ends ? "ends" : standing.due;
  };
  assert.equal(due(access()), undefined);
  assert.deepEqual(due(access({ disconnect_expired_cert: true })), session.identity.expires);
});

test("the device that does not prove itself again ends it, and until then that is when it is due", () => {
  const options = { device_trust_mode: "required" };
  const reattestation = { everyMs: 600_000, since: new Date(0) };
  const policy = { ...access(options), reattestation };
  const proving = { ...session, identity: makeUser({ device: testDevice }) };
  const judgeAt = (at: string) =>
    judgeSession(proving, {
      policy,
      networking: defaultNetworkingConfig(),
      now: new Date(`2026-01-01T${at}Z`),
      begun: now,
    });
  const early = judgeAt("11:09:59");
  assert.deepEqual(!early.ends && early.due, new Date("2026-01-01T11:10:00Z"));
  const late = judgeAt("11:10:00");
  assert.equal(late.ends && late.reason.check, "reattestation");
});
