import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSystem, makeUser } from "../../test/support/identity.ts";
import { makeRole } from "../../test/support/policy.ts";
import { type Granter, type GrantMode, mayChangeUser, mayWriteRole } from "./may-grant.ts";

const write = (...resources: string[]) => ({
  allow: { rules: [{ resources, verbs: ["list", "create", "read", "update", "delete"] }] },
});
const known = new Map(
  [
    makeRole("editor", write("role", "user")),
    makeRole("helpdesk", write("user")),
    makeRole("author", write("role")),
    makeRole("access"),
    makeRole("require-trusted-device", { options: { device_trust_mode: "required" } }),
  ].map((role) => [role.metadata.name, role]),
);

function granter(roles: string[], mode: GrantMode = "permissive", traits = {}): Granter {
  return { identity: makeUser({ roles, traits }), roles: known, mode };
}

const nobody = { roles: [], traits: {} };
const holding = (roles: string[], traits = {}) => ({ roles, traits });

test("the guide's editor adds a role that they do not have, and the audit event says so", () => {
  const decision = mayChangeUser(
    granter(["access", "editor"]),
    holding(["access", "editor"]),
    holding(["access", "editor", "require-trusted-device"]),
  );
  assert.deepEqual(decision, {
    allowed: true,
    audit: { roles_not_held: "require-trusted-device" },
  });
});

test("a strict cluster binds the editor to their own roles", () => {
  const strict = granter(["access", "editor"], "strict");
  assert.equal(mayChangeUser(strict, nobody, holding(["access"])).allowed, true);
  const decision = mayChangeUser(strict, nobody, holding(["require-trusted-device"]));
  assert.ok(!decision.allowed);
  assert.match(decision.reason.message, /cannot grant or withdraw role "require-trusted-device"/);
});

test("a help desk passes on what it has and nothing more", () => {
  const desk = granter(["helpdesk", "access"], "permissive", { logins: ["ubuntu"] });
  assert.equal(
    mayChangeUser(desk, nobody, holding(["access"], { logins: ["ubuntu"] })).allowed,
    true,
  );
  assert.equal(mayChangeUser(desk, nobody, holding(["editor"])).allowed, false);
  const traits = mayChangeUser(desk, nobody, holding(["access"], { logins: ["root"] }));
  assert.ok(!traits.allowed);
  assert.match(traits.reason.message, /trait "logins"/);
});

test("a help desk keeps what a user has and may take trait values away", () => {
  const desk = granter(["helpdesk"]);
  const before = holding(["editor"], { logins: ["root", "ubuntu"] });
  assert.equal(
    mayChangeUser(desk, before, holding(["editor"], { logins: ["root"] })).allowed,
    true,
  );
});

test("a help desk cannot take a role away that may have restricted the user, its own included", () => {
  const desk = granter(["helpdesk", "access"]);
  const before = holding(["helpdesk", "require-trusted-device"]);
  assert.equal(mayChangeUser(desk, before, holding(["helpdesk"])).allowed, false);
});

test("roles are written by those who may update roles and users", () => {
  assert.deepEqual(mayWriteRole(granter(["editor"]), "editor"), {
    allowed: true,
    audit: { role_held_by_author: "editor" },
  });
  assert.deepEqual(mayWriteRole(granter(["editor"]), "access"), { allowed: true, audit: {} });
  const own = mayWriteRole(granter(["author"]), "author");
  assert.ok(!own.allowed);
  assert.match(own.reason.message, /which you have yourself/);
  assert.equal(mayWriteRole(granter(["author"]), "access").allowed, false);
});

test("a strict cluster lets nobody change a role of their own", () => {
  assert.equal(mayWriteRole(granter(["editor"], "strict"), "editor").allowed, false);
  assert.equal(mayWriteRole(granter(["editor"], "strict"), "access").allowed, true);
  assert.equal(mayWriteRole(granter(["author"], "strict"), "access").allowed, false);
});

test("the local administrator is never bound, other services always are", () => {
  for (const mode of ["permissive", "strict"] as const) {
    const admin = { identity: makeSystem({ systemRoles: ["Admin"] }), roles: known, mode };
    assert.equal(mayChangeUser(admin, nobody, holding(["editor"])).allowed, true);
    assert.equal(mayWriteRole(admin, "editor").allowed, true);
    const node = { ...admin, identity: makeSystem() };
    assert.equal(mayChangeUser(node, nobody, holding(["editor"])).allowed, false);
    assert.equal(mayWriteRole(node, "editor").allowed, false);
  }
});
