import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyView } from "#access/access-checks.ts";
import { emptyView } from "#api/authority-documents.ts";
import { isFault } from "#base/fault.ts";
import {
  begunLogin,
  type DecisionContext,
  grantOf,
  type Login,
  reasonToEnd,
} from "#node/session/login.ts";
import { makeUser } from "../../../test/support/identity.ts";
import { makeLock, makePolicy, makePreference, makeRole } from "../../../test/support/policy.ts";

const now = new Date("2026-01-01T11:00:00Z");
const expired = new Date("2026-01-01T13:00:00Z");
const allow = { logins: ["root"], node_labels: { "*": "*" } };
const server = { id: "host", hostname: "node", labels: {} };
const login: Login = { identity: makeUser(), account: "root", clientIp: "192.0.2.1" };

function surroundings(policy: PolicyView, at = now): DecisionContext {
  return { view: { ...emptyView(), policy }, server, now: at };
}

const access = (options: object = {}) => makePolicy([makeRole("access", { allow, options })]);

test("before the first snapshot nobody may do anything", () => {
  assert.throws(
    () => grantOf(login, { view: emptyView(), server, now }),
    (error) => isFault(error, "unavailable"),
  );
});

test("grants what certificate and role permit", () => {
  const { permissions } = grantOf(login, surroundings(access({ forward_agent: true })));
  assert.deepEqual(permissions, {
    pty: true,
    localForwarding: true,
    remoteForwarding: true,
    agentForwarding: true,
    x11Forwarding: false,
    fileCopy: true,
  });
});

test("a session that the rules still allow goes on", () => {
  assert.equal(reasonToEnd(login, surroundings(access())), undefined);
});

test("outdated rules end a session in strict locking mode only", () => {
  const outdated = { ...access(), current: false };
  assert.equal(reasonToEnd(login, surroundings(outdated)), undefined);
  const authPreference = makePreference({ locking_mode: "strict" });
  const byCluster = reasonToEnd(login, surroundings({ ...outdated, authPreference }));
  assert.equal(byCluster?.check, "policy-current");
  const byRole = { ...access({ lock: "strict" }), current: false };
  assert.equal(reasonToEnd(login, surroundings(byRole))?.check, "policy-current");
});

test("a lock that is known ends a session even when the rules are outdated", () => {
  const policy = { ...access(), current: false, locks: [makeLock({ user: "alice" })] };
  assert.equal(reasonToEnd(login, surroundings(policy))?.check, "locks");
});

test("an expired certificate ends a session only where role or cluster want that", () => {
  assert.equal(reasonToEnd(login, surroundings(access(), expired)), undefined);
  const policy = access({ disconnect_expired_cert: true });
  assert.equal(reasonToEnd(login, surroundings(policy, expired))?.check, "certificate-validity");
});

test("an expired certificate opens nothing new", () => {
  assert.throws(
    () => grantOf(login, surroundings(access(), expired)),
    (error) => isFault(error, "unproven"),
  );
});

test("a connection that a second factor opened lasts as long as the login behind it, and no longer", () => {
  const short = new Date("2026-01-01T11:01:00Z");
  const behind = new Date("2026-01-01T14:00:00Z");
  const identity = makeUser({
    mfaVerified: "device",
    expires: short,
    previousIdentityExpires: behind,
  });
  const begun = begunLogin({ ...login, identity });
  const policy = access({ require_session_mfa: true, disconnect_expired_cert: true });
  grantOf(begun, surroundings(policy, expired));
  assert.equal(reasonToEnd(begun, surroundings(policy, expired)), undefined);
  assert.equal(reasonToEnd(begun, surroundings(policy, behind))?.check, "certificate-validity");
  // Without the proof, what a certificate says of the one before it is worth nothing.
  const { mfaVerified: _, ...plain } = identity;
  assert.equal(begunLogin({ ...login, identity: plain }).identity.expires, short);
});
