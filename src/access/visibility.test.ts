import assert from "node:assert/strict";
import { test } from "node:test";
import { compileResourceFilter } from "#expression/scopes.ts";
import { nodeSchema } from "#resource/node.ts";
import type { Role } from "#resource/role.ts";
import { makeUser } from "../../test/support/identity.ts";
import { makeRole, testServer } from "../../test/support/policy.ts";
import { reachableOf } from "./reachable.ts";
import { applyRoles } from "./role-set.ts";
import { isVisible, visibleLogins } from "./visibility.ts";

const server = { protocol: "ssh", name: testServer.hostname, labels: testServer.labels } as const;

function sees(roles: readonly Role[], held = roles.map((role) => role.metadata.name)): boolean {
  const known = new Map(roles.map((role) => [role.metadata.name, role]));
  return isVisible(applyRoles(makeUser({ roles: held }), known), server);
}

const seeing = makeRole("a", {
  allow: { node_labels: { env: "prod" } },
  options: { device_trust_mode: "required", require_session_mfa: true },
});

test("a server is listed for whom some role allows its labels, whatever the login or device", () => {
  assert.equal(sees([seeing]), true);
  assert.equal(sees([seeing, makeRole("b", { deny: { logins: ["*"] } })]), true);
});

test("a server is not listed without a role, with denied labels, or when a role is gone", () => {
  assert.equal(sees([]), false);
  assert.equal(sees([makeRole("a", { allow: { node_labels: { env: "dev" } } })]), false);
  assert.equal(sees([seeing, makeRole("b", { deny: { node_labels: { team: "core" } } })]), false);
  assert.equal(sees([seeing], ["a", "gone"]), false);
});

test("the logins beside a server are those of the roles that match it, without denied ones", () => {
  const here = makeRole("a", { allow: { node_labels: { env: "prod" }, logins: ["root", "web"] } });
  const elsewhere = makeRole("b", { allow: { node_labels: { env: "dev" }, logins: ["dev"] } });
  const denying = makeRole("c", { deny: { logins: ["root"] } });
  const loginsOf = (...roles: Role[]) => {
    const held = roles.map((role) => role.metadata.name);
    const known = new Map(roles.map((role) => [role.metadata.name, role]));
    return visibleLogins(applyRoles(makeUser({ roles: held }), known), server);
  };
  assert.deepEqual(loginsOf(here, elsewhere), ["root", "web"]);
  assert.deepEqual(loginsOf(here, elsewhere, denying), ["web"]);
  assert.deepEqual(loginsOf(elsewhere), []);
});

const node = nodeSchema.parse({
  kind: "node",
  metadata: { name: "uuid-1", labels: { env: "prod", kernel: "static" } },
  spec: {
    hostname: "web-1",
    addr: "10.0.0.7:3022",
    public_addrs: ["web.example.com:3022"],
    cmd_labels: { kernel: { command: ["uname"], result: "6.1" } },
  },
});

test("results of command labels are labels, and win", () => {
  assert.deepEqual(reachableOf(node).labels, { env: "prod", kernel: "6.1" });
});

test("filters see a node's host name, labels, addresses and document", () => {
  const subject = reachableOf(node).subject;
  for (const query of [
    'name == "web-1"',
    'labels.kernel == "6.1"',
    'search("10.0.0.7")',
    'search("web.example")',
    'search("uuid-1", "prod")',
    'resource.spec.hostname == "web-1"',
    'resource.metadata.name == "uuid-1"',
  ]) {
    assert.equal(compileResourceFilter(query)(subject), true, query);
  }
});
