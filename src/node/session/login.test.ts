import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyView } from "#access/access-checks.ts";
import { judgeSession } from "#access/running-session.ts";
import { emptyView } from "#api/authority-documents.ts";
import { isFault } from "#base/fault.ts";
import {
  begunLogin,
  type DecisionContext,
  grantOf,
  type Login,
  runningSession,
} from "#node/session/login.ts";
import { makeUser } from "../../../test/support/identity.ts";
import { makePolicy, makeRole } from "../../../test/support/policy.ts";

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
  const { networking } = emptyView();
  const ends = (at: Date) =>
    judgeSession(runningSession(begun, server), {
      policy,
      networking,
      now: at,
      begun: now,
    }).ends;
  grantOf(begun, surroundings(policy, expired));
  assert.deepEqual([ends(expired), ends(behind)], [false, true]);
  // Without the proof, what a certificate says of the one before it is worth nothing.
  const { mfaVerified: _, ...plain } = identity;
  assert.equal(begunLogin({ ...login, identity: plain }).identity.expires, short);
});
