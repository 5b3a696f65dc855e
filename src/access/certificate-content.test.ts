/** What certificates and sessions carry: logins, life, permissions and options. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterNetworkingConfigSchema } from "#resource/cluster-networking-config.ts";
import type { Role } from "#resource/role.ts";
import { makeUser } from "../../test/support/identity.ts";
import { makePreference, makeRole } from "../../test/support/policy.ts";
import { allowedLogins, allowedValues } from "./logins.ts";
import { applyRoles, type RoleSet } from "./role-set.ts";
import { combineOptions } from "./session-options.ts";
import { certificatePermissions, sessionPermissions } from "./ssh-permissions.ts";
import { certificateEnd, maxTtlMs } from "./ttl.ts";

const hour = 3_600_000;

function setOf(roles: readonly Role[], traits = {}): RoleSet {
  const names = roles.map((role) => role.metadata.name);
  const known = new Map(roles.map((role) => [role.metadata.name, role]));
  return applyRoles(makeUser({ roles: names, traits }), known);
}

const a = (options: object, allow: object = {}, deny: object = {}): Role =>
  makeRole("a", { options, allow, deny });
const b = (options: object, allow: object = {}, deny: object = {}): Role =>
  makeRole("b", { options, allow, deny });

test("logins are those that roles allow, in order, once, less those that any role denies", () => {
  const traits = { logins: ["root", "ubuntu", "bad login", "-teleport-internal-join", "x,y", ""] };
  const allow = { logins: ["{{internal.logins}}", "www"] };
  assert.deepEqual(allowedLogins(setOf([a({}, allow), b({}, { logins: ["www", "db"] })], traits)), [
    "root",
    "ubuntu",
    "www",
    "db",
  ]);
  const denying = b({}, {}, { logins: ["root", "{{external.absent}}"] });
  assert.deepEqual(allowedLogins(setOf([a({}, allow), denying], traits)), ["ubuntu", "www"]);
  assert.deepEqual(allowedLogins(setOf([a({}, allow), b({}, {}, { logins: ["*"] })], traits)), []);
});

test("names of databases follow the same rule", () => {
  const allow = { db_names: ["*", "sales", "hr"] };
  const set = setOf([a({}, allow), b({}, {}, { db_names: ["hr"] })]);
  assert.deepEqual(allowedValues(set, "db_names"), ["*", "sales"]);
  const closed = setOf([a({}, allow), b({}, {}, { db_names: ["*"] })]);
  assert.deepEqual(allowedValues(closed, "db_names"), []);
});

test("a certificate lives no longer than the strictest role, the wish, and the certificate that asks", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const set = setOf([a({ max_session_ttl: "8h" }), b({})]);
  assert.equal(maxTtlMs(set), 8 * hour);
  assert.equal(maxTtlMs(setOf([b({})])), 30 * hour);
  assert.equal(maxTtlMs(setOf([b({ max_session_ttl: "0" })])), 30 * hour);
  assert.equal(maxTtlMs(setOf([])), 0);
  const end = (wanted: number, notAfter?: Date): number =>
    (certificateEnd(set, now, wanted, notAfter).getTime() - now.getTime()) / hour;
  assert.equal(end(12 * hour), 8);
  assert.equal(end(hour), 1);
  assert.equal(end(12 * hour, new Date(now.getTime() + 2 * hour)), 2);
  assert.equal(end(-hour), 0);
});

test("a certificate permits what some role permits", () => {
  assert.deepEqual(
    certificatePermissions(setOf([a({ port_forwarding: false }), b({ port_forwarding: false })])),
    {
      pty: true,
      portForwarding: false,
      agentForwarding: false,
      x11Forwarding: false,
    },
  );
  const open = b({ forward_agent: true, permit_x11_forwarding: true });
  assert.deepEqual(certificatePermissions(setOf([a({ port_forwarding: false }), open])), {
    pty: true,
    portForwarding: true,
    agentForwarding: true,
    x11Forwarding: true,
  });
});

const everything = { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true };
const nothing = { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false };

test("a session may do what both the certificate and a matching role permit", () => {
  const open = a({ forward_agent: true, permit_x11_forwarding: true });
  const set = setOf([open, b({ port_forwarding: false })]);
  const full = sessionPermissions({ permit: everything }, set, [open]);
  assert.deepEqual(Object.values(full), [true, true, true, true, true, true]);
  assert.deepEqual(sessionPermissions({ permit: nothing }, set, [open]), {
    pty: false,
    localForwarding: false,
    remoteForwarding: false,
    agentForwarding: false,
    x11Forwarding: false,
    fileCopy: true,
  });
  const closed = set.roles.slice(1);
  assert.deepEqual(sessionPermissions({ permit: everything }, set, closed), {
    pty: true,
    localForwarding: false,
    remoteForwarding: false,
    agentForwarding: false,
    x11Forwarding: false,
    fileCopy: true,
  });
  const none = sessionPermissions({ permit: everything }, set, []);
  assert.deepEqual(Object.values(none), [false, false, false, false, false, false]);
});

test("a forwarding that one role refuses by name is refused, the other direction is not", () => {
  const refusing = a({ ssh_port_forwarding: { remote: { enabled: false } } });
  const set = setOf([refusing, b({ ssh_port_forwarding: { remote: { enabled: true } } })]);
  const session = sessionPermissions({ permit: everything }, set, set.roles);
  assert.equal(session.localForwarding, true);
  assert.equal(session.remoteForwarding, false);
  const named = setOf([
    a({ port_forwarding: false, ssh_port_forwarding: { local: { enabled: true } } }),
  ]);
  const only = sessionPermissions({ permit: everything }, named, named.roles);
  assert.equal(only.localForwarding, true);
  assert.equal(only.remoteForwarding, false);
});

test("copying files needs every role of the user", () => {
  const set = setOf([a({}), b({ ssh_file_copy: false })]);
  assert.equal(
    sessionPermissions({ permit: everything }, set, set.roles.slice(0, 1)).fileCopy,
    false,
  );
});

test("of several options the most restrictive holds", () => {
  const networking = (spec: object) =>
    clusterNetworkingConfigSchema.parse({ kind: "cluster_networking_config", metadata: {}, spec });
  const loose = combineOptions([a({})], makePreference(), networking({}));
  assert.deepEqual(loose, {
    idleTimeoutMs: undefined,
    disconnectExpired: false,
    maxConnections: undefined,
    maxSessions: undefined,
    recording: "best_effort",
  });
  const strict = combineOptions(
    [
      a({ client_idle_timeout: "30m", max_connections: 5, max_sessions: 0 }),
      b({
        client_idle_timeout: "10m",
        max_connections: 2,
        max_sessions: 7,
        disconnect_expired_cert: true,
        record_session: { ssh: "strict" },
      }),
    ],
    makePreference(),
    networking({ client_idle_timeout: "15m" }),
  );
  assert.deepEqual(strict, {
    idleTimeoutMs: 600_000,
    disconnectExpired: true,
    maxConnections: 2,
    maxSessions: 7,
    recording: "strict",
  });
  const cluster = combineOptions(
    [a({ record_session: { default: "strict" } })],
    makePreference({ disconnect_expired_cert: true }),
    networking({ client_idle_timeout: "1m" }),
  );
  assert.deepEqual(
    [cluster.disconnectExpired, cluster.idleTimeoutMs, cluster.recording],
    [true, 60_000, "strict"],
  );
});

test("the placeholder for a role without logins is no login", () => {
  const set = setOf(
    [a({}, { logins: ["root", "no-login-3f0c9f0e-0000-4000-8000-000000000000"] })],
    {},
  );
  assert.deepEqual(allowedLogins(set), ["root"]);
});
