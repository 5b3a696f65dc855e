import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth, testPassword } from "../../../test/support/auth-service.ts";

const bob = {
  ...{ kind: "user", version: "v2", metadata: { name: "bob" } },
  spec: { roles: ["access", "editor"], traits: { logins: ["root"] } },
};

/** Gives bob a password, as everybody who ever logged in has one. */
async function setPassword({ auth }: TestAuth): Promise<void> {
  const { credentials, passwords } = auth.context;
  await credentials.put("bob", {
    passwordHash: await passwords.hash(testPassword),
  });
}

test("the certificates of a deleted user open nothing, on connections that are open either", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "bob", { roles: bob.spec.roles });
  await setPassword(cluster);
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

test("the name is free again when the last certificate is over, or when an administrator accepts the old ones", async () => {
  const cluster = await startTestAuth();
  await logIn(cluster, "bob", { roles: bob.spec.roles });
  await setPassword(cluster);
  const admin = cluster.as("Admin");
  const users = await admin.service("users");
  const user = encodeResource("user", parseResourceOf("user", bob));
  await users.deleteUser({ name: "bob" });
  await assert.rejects(users.createUser({ user }), (error) => isFault(error, "conflict"));
  const [lock] = await cluster.auth.context.stores.locks.all();
  await (await admin.service("auth")).deleteLock({ Name: lock?.metadata.name ?? "" });
  await users.createUser({ user });
  await setPassword(cluster);
  await users.deleteUser({ name: "bob" });
  cluster.clock.advance(31 * 3_600_000);
  const later = await cluster.as("Admin").service("users");
  await later.createUser({ user });
  await cluster.close();
});

test("a name that nobody ever logged in with is free at once", async () => {
  const cluster = await startTestAuth();
  const users = await cluster.as("Admin").service("users");
  const user = encodeResource("user", parseResourceOf("user", bob));
  await users.createUser({ user });
  await users.deleteUser({ name: "bob" });
  await users.createUser({ user });
  assert.deepEqual(await cluster.auth.context.stores.locks.all(), []);
  await cluster.close();
});

test("what a deleted user could have logged in with is no use to the next one of that name", async () => {
  const cluster = await startTestAuth();
  const { invitations, credentials } = cluster.auth.context;
  const users = await cluster.as("Admin").service("users");
  const user = encodeResource("user", parseResourceOf("user", bob));
  await users.createUser({ user });
  const { token } = await invitations.create("bob", "invite", 0);
  const other = await invitations.create("carol", "invite", 0);
  await users.deleteUser({ name: "bob" });
  await users.createUser({ user });
  await assert.rejects(invitations.get(token), (error) => isFault(error, "not-found"));
  assert.equal((await invitations.get(other.token)).user, "carol");
  await setPassword(cluster);
  await users.deleteUser({ name: "bob" });
  assert.equal((await credentials.get("bob")).passwordHash, undefined);
  await cluster.close();
});
