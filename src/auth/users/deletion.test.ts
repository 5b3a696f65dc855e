import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResource } from "#api/convert/resource.ts";
import type { Backend } from "#backend/port.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  testPassword,
} from "../../../test/support/auth-service.ts";
import type { AuthContext } from "../context.ts";
import { firstDevice } from "../mfa/first-device.ts";
import { noSecondFactors, SecondFactorStore } from "../mfa/store.ts";
import { certifyUser } from "./certify.ts";
import { CredentialStore, noCredentials } from "./credentials.ts";
import { deleteUser } from "./deletion.ts";
import type { Invitation } from "./invitation.ts";
import { createTotpDevice } from "./totp.ts";

const gone = (error: unknown) => isFault(error, "not-found");

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

test("the name is free again when the last certificate is over, or when an administrator accepts the old ones", async () => {
  const cluster = await startTestAuth();
  await logIn(cluster, "bob", { roles: bob.spec.roles });
  const admin = cluster.as("Admin");
  const users = await admin.service("users");
  const user = encodeResource("user", parseResourceOf("user", bob));
  await users.deleteUser({ name: "bob" });
  await assert.rejects(users.createUser({ user }), (error) => isFault(error, "conflict"));
  const [lock] = await cluster.auth.context.stores.locks.all();
  await (await admin.service("auth")).deleteLock({ Name: lock?.metadata.name ?? "" });
  await users.createUser({ user });
  await users.deleteUser({ name: "bob" });
  cluster.clock.advance(31 * 3_600_000);
  const later = await cluster.as("Admin").service("users");
  await later.createUser({ user });
  await cluster.close();
});

test("the lock lasts as long as the longest certificate, whatever the roles allow by now", async () => {
  const cluster = await startTestAuth();
  const { roles, users, locks } = cluster.auth.context.stores;
  const options = (max_session_ttl: string) =>
    parseResourceOf("role", {
      ...{ kind: "role", version: "v7", metadata: { name: "patient" } },
      spec: { options: { max_session_ttl } },
    });
  await roles.create(options("720h"));
  const hour = 3_600_000;
  const long = await logIn(cluster, "bob", { roles: ["patient"], ttlMs: 700 * hour });
  await roles.upsert(options("1h"));
  await users.modify("bob", (user) => ({ ...user, spec: { ...user.spec, roles: ["access"] } }));
  await logIn(cluster, "bob", { ttlMs: hour });
  const service = await cluster.as("Admin").service("users");
  await service.deleteUser({ name: "bob" });
  const [lock] = await locks.all();
  assert.equal(lock?.spec.expires, long.identity.expires.toISOString());
  cluster.clock.advance(699 * hour);
  const later = await long.client.service("auth");
  await assert.rejects(later.getDomainName({}), (error) => isFault(error, "locked"));
  cluster.clock.advance(hour);
  assert.deepEqual(await locks.all(), []);
  await cluster.close();
});

test("a second deletion locks the certificates of the first life too, though nobody logged in in between", async () => {
  const cluster = await startTestAuth();
  const first = await logIn(cluster, "bob", { roles: bob.spec.roles });
  const admin = cluster.as("Admin");
  const users = await admin.service("users");
  const locks = cluster.auth.context.stores.locks;
  const user = encodeResource("user", parseResourceOf("user", bob));
  await users.deleteUser({ name: "bob" });
  const [lock] = await locks.all();
  await (await admin.service("auth")).deleteLock({ Name: lock?.metadata.name ?? "" });
  await users.createUser({ user });
  await users.deleteUser({ name: "bob" });
  const [again] = await locks.all();
  assert.equal(again?.spec.expires, first.identity.expires.toISOString());
  const auth = await first.client.service("auth");
  await assert.rejects(auth.getDomainName({}), (error) => isFault(error, "locked"));
  await cluster.close();
});

/** The context, with something that happens just before its next atomic write. */
function interrupted(context: AuthContext, act: () => Promise<unknown>): AuthContext {
  let pending: typeof act | undefined = act;
  const backend: Pick<Backend, "find" | "atomic"> = {
    find: (key) => context.backend.find(key),
    async atomic(operations) {
      const now = pending;
      pending = undefined;
      await now?.();
      return context.backend.atomic(operations);
    },
  };
  return { ...context, backend: backend as Backend };
}

test("a certificate that would be issued while its user is deleted is not issued, or locked with the others", async () => {
  const cluster = await startTestAuth();
  const { context } = cluster.auth;
  const { identity } = await logIn(cluster, "bob", { ttlMs: 3_600_000 });
  const longer = { ...identity, expires: new Date(identity.expires.getTime() + 3_600_000) };
  const certify = () => certifyUser(context, longer, {});
  await deleteUser(interrupted(context, certify), "bob", "admin");
  const [lock] = await context.stores.locks.all();
  assert.equal(lock?.spec.expires, longer.expires.toISOString());

  const { identity: carol } = await logIn(cluster, "carol");
  const after = { ...carol, expires: new Date(carol.expires.getTime() + 1000) };
  const late = certifyUser(
    interrupted(context, () => deleteUser(context, "carol", "admin")),
    after,
    {},
  );
  await assert.rejects(late, (error) => isFault(error, "access-denied"));
  await cluster.close();
});

test("a link that is accepted, and a password that is set, while the user is deleted leave nothing behind", async () => {
  const cluster = await startTestAuth();
  const { context } = cluster.auth;
  const stored = () => context.credentials.get("bob");
  const remove = () => deleteUser(context, "bob", "admin");
  const user = parseResourceOf("user", bob);
  await context.stores.users.create(user);
  const { token, invitation } = await context.invitations.create("bob", "invite", 0);
  const code = codeOf(invitation.totp.secret, cluster.clock.now());
  const setUp = (open: Invitation) => firstDevice(context, open, { code });
  await assert.rejects(context.invitations.accept(token, testPassword, setUp, remove), gone);
  assert.deepEqual(await stored(), noCredentials);

  await context.stores.users.create(user);
  const { backend, stores } = interrupted(context, remove);
  const writes = new CredentialStore(backend, stores.users).putOperations("bob", {
    passwordHash: await context.passwords.hash(testPassword),
  });
  await assert.rejects(backend.atomic(writes), (error) => isFault(error, "conflict"));
  assert.deepEqual(await stored(), noCredentials);

  await context.stores.users.create(user);
  const device = createTotpDevice("phone", cluster.clock.now(), context.random);
  const factors = new SecondFactorStore(interrupted(context, remove).backend, stores.users);
  await assert.rejects(
    factors.modify("bob", (before) => ({ ...before, devices: [device] })),
    gone,
  );
  assert.deepEqual(await context.credentials.secondFactors.get("bob"), noSecondFactors);
  await cluster.close();
});

test("a link that is made while the user is deleted is none for the next one of the name", async () => {
  const cluster = await startTestAuth();
  const { context } = cluster.auth;
  await assert.rejects(context.invitations.create("bob", "invite", 0), gone);
  await context.stores.users.create(parseResourceOf("user", bob));
  const made: string[] = [];
  const link = async () => made.push((await context.invitations.create("bob", "invite", 0)).token);
  await deleteUser(interrupted(context, link), "bob", "admin");
  await context.stores.users.create(parseResourceOf("user", bob));
  await assert.rejects(context.invitations.get(made[0] ?? assert.fail()), gone);
  await cluster.close();
});

test("what a deleted user could have logged in with is no use to the next one of that name", async () => {
  const cluster = await startTestAuth();
  const { invitations, credentials } = cluster.auth.context;
  const users = await cluster.as("Admin").service("users");
  await addTestUser(cluster, "bob");
  await addTestUser(cluster, "carol");
  const { token } = await invitations.create("bob", "password", 0);
  const other = await invitations.create("carol", "password", 0);
  await users.deleteUser({ name: "bob" });
  assert.deepEqual(await credentials.get("bob"), noCredentials);
  await users.createUser({ user: encodeResource("user", parseResourceOf("user", bob)) });
  await assert.rejects(invitations.get(token), gone);
  assert.equal((await invitations.get(other.token)).user, "carol");
  await cluster.close();
});
