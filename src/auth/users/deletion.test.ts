import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";

const bob = {
  ...{ kind: "user", version: "v2", metadata: { name: "bob" } },
  spec: { roles: ["access", "editor"], traits: { logins: ["root"] } },
};

test("the certificates of a deleted user open nothing, on connections that are open either", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "bob", { roles: bob.spec.roles });
  const auth = await person.client.service("auth");
  await auth.getDomainName({});
  const users = await cluster.as("Admin").service("users");
  await users.deleteUser({ name: "bob" });
  const locked = (error: unknown) => isFault(error, "locked") && /was deleted/.test(error.message);
  await assert.rejects(auth.getDomainName({}), locked);
  // Above all, an editor cannot create themselves again.
  const own = await person.client.service("users");
  const again = { user: encodeResource("user", parseResourceOf("user", bob)) };
  await assert.rejects(own.createUser(again), locked);
  assert.equal(await cluster.auth.context.stores.users.find("bob"), undefined);
  // Services that decide by themselves see the same lock.
  const [lock] = await cluster.auth.context.stores.locks.all();
  assert.deepEqual(lock?.spec.target, { user: "bob" });
  assert.ok(Date.parse(lock?.spec.expires ?? "") >= person.identity.expires.getTime());
  await cluster.close();
});

test("a new user of the same name may log in", async () => {
  const cluster = await startTestAuth();
  await logIn(cluster, "bob", { roles: bob.spec.roles });
  const users = await cluster.as("Admin").service("users");
  await users.deleteUser({ name: "bob" });
  await users.createUser({ user: encodeResource("user", parseResourceOf("user", bob)) });
  const person = await logIn(cluster, "bob");
  await (await person.client.service("auth")).getDomainName({});
  assert.deepEqual(await cluster.auth.context.stores.locks.all(), []);
  await cluster.close();
});
