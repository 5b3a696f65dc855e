/**
 * CVE-2026-91167 and its kin: somebody with a small right over users or roles takes a great one. Class 39 of
 * docs/bug-classes.md; the attackers are a help desk that may change users, and an author of roles.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decodePlain, encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { logIn, type Person } from "../support/auth-person.ts";
import { addTestUser, startTestAuth, type TestAuth } from "../support/auth-service.ts";
import { createKey } from "../support/ssh-keys.ts";

let cluster: TestAuth;
let desk: Person;
let author: Person;

before(async () => {
  cluster = await startTestAuth();
  for (const [name, kind] of [
    ["desk", "user"],
    ["author", "role"],
  ]) {
    const verbs = ["list", "read", "create", "update", "delete"];
    const spec = { allow: { logins: ["-"], rules: [{ resources: [kind], verbs }] } };
    const role = { kind: "role", version: "v7", metadata: { name }, spec };
    await cluster.auth.context.stores.roles.upsert(parseResourceOf("role", role));
  }
  await addTestUser(cluster, "root", ["access", "editor", "auditor"], ["root"]);
  await addTestUser(cluster, "colleague", ["desk"], []);
  desk = await logIn(cluster, "desk", { roles: ["desk"] });
  author = await logIn(cluster, "author", { roles: ["author"] });
});

after(async () => {
  await desk.client.close();
  await author.client.close();
  await cluster.close();
});

const denied = (error: unknown) => isFault(error, "access-denied");

function user(name: string, roles: readonly string[], logins: readonly string[] = []) {
  return encodeResource(
    "user",
    parseResourceOf("user", {
      ...{ kind: "user", version: "v2", metadata: { name } },
      spec: { roles, traits: { logins } },
    }),
  );
}

test("a help desk creates users with its own roles and no others", async () => {
  const users = await desk.client.service("users");
  await users.createUser({ user: user("new", ["desk"]) });
  await assert.rejects(users.createUser({ user: user("evil", ["editor"]) }), denied);
  await assert.rejects(users.createUser({ user: user("evil", ["desk"], ["root", "x"]) }), denied);
});

test("a help desk cannot give itself or a colleague a role or an account", async () => {
  const users = await desk.client.service("users");
  for (const name of ["desk", "colleague"]) {
    await assert.rejects(users.upsertUser({ user: user(name, ["desk", "editor"]) }), denied);
    await assert.rejects(users.upsertUser({ user: user(name, ["desk"], ["wheel"]) }), denied);
  }
  await assert.rejects(users.upsertUser({ user: user("root", ["desk"]) }), denied);
});

test("a help desk resets its colleague's password, and never an administrator's", async () => {
  const auth = await desk.client.service("auth");
  const link = await auth.createResetPasswordToken({ Name: "colleague", Type: "password" });
  assert.match(link.Spec?.URL ?? "", /\/web\/reset\//);
  for (const Type of ["password", "invite"]) {
    await assert.rejects(auth.createResetPasswordToken({ Name: "root", Type }), denied);
  }
});

test("an author of roles without rights over users changes no role, the own one least of all", async () => {
  const auth = await author.client.service("auth");
  const everything = parseResourceOf("role", {
    ...{ kind: "role", version: "v7", metadata: { name: "author" } },
    spec: { allow: { rules: [{ resources: ["*"], verbs: ["*"] }] } },
  });
  for (const name of ["author", "access", "fresh"]) {
    const role = { ...everything, metadata: { name } };
    await assert.rejects(auth.upsertRoleV2({ Role: encodeResource("role", role) }), denied);
  }
  const own = await auth.getRole({ Name: "author" });
  const { allow } = decodePlain("role", own)["spec"] as { allow: { rules: object[] } };
  assert.equal(allow.rules.length, 1);
});

test("certificates are reissued to their own user only", async () => {
  const auth = await desk.client.service("auth");
  const line = formatAuthorizedKey(createKey().signer.publicKey);
  const PublicKey = new TextEncoder().encode(line);
  await assert.rejects(auth.generateUserCerts({ Username: "root", PublicKey }), denied);
  assert.ok((await auth.generateUserCerts({ Username: "desk", PublicKey })).SSH.length > 0);
});
