/** The services about resources, called as the public API is: over gRPC, by an administrator and by others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { addTestUser, startTestAuth } from "../../../test/support/auth-service.ts";

/** A cluster and the clients that these tests use. */
async function start() {
  const cluster = await startTestAuth();
  const admin = cluster.as("Admin");
  return {
    cluster,
    auth: await admin.service("auth"),
    users: await admin.service("users"),
    config: await admin.service("clusterConfig"),
    trust: await admin.service("trust"),
  };
}

const roleOf = (name: string, spec: object = {}) =>
  parseResourceOf("role", { kind: "role", version: "v7", metadata: { name }, spec });

test("a role is created once, updated by revision, and not deleted while somebody holds it", async () => {
  const { cluster, auth } = await start();
  const Role = encodeResource("role", roleOf("dev"));
  await auth.createRole({ Role });
  await assert.rejects(auth.createRole({ Role }), (error) => isFault(error, "already-exists"));
  const stored = await auth.getRole({ Name: "dev" });
  await auth.updateRole({ Role: stored });
  await assert.rejects(auth.updateRole({ Role: stored }), (error) => isFault(error, "conflict"));
  await addTestUser(cluster, "alice", ["dev"]);
  await assert.rejects(auth.deleteRole({ Name: "dev" }), /still held by alice/);
  await cluster.auth.context.stores.users.delete("alice");
  await auth.deleteRole({ Name: "dev" });
  await assert.rejects(auth.getRole({ Name: "dev" }), (error) => isFault(error, "not-found"));
  assert.equal((await cluster.lastEvent("role.deleted"))?.code, "T9001I");
  await cluster.close();
});

test("an update of what does not exist is a failed precondition, as in the public API", async () => {
  const { cluster, auth } = await start();
  const role = roleOf("nope");
  const Role = encodeResource("role", { ...role, metadata: { ...role.metadata, revision: "1" } });
  await assert.rejects(auth.updateRole({ Role }), (error) => isFault(error, "conflict"));
  await cluster.close();
});

test("the preset roles are there, once, and changes to them survive the next start", async () => {
  const { cluster, auth } = await start();
  const { Roles } = await auth.listRoles({ Limit: 100 });
  const names = Roles.map((role) => role.Metadata?.Name);
  for (const name of [
    "access",
    "editor",
    "auditor",
    "require-trusted-device",
    "device-admin",
    "device-enroll",
  ]) {
    assert.ok(names.includes(name), name);
  }
  await cluster.close();
});

test("a user with a role that does not exist is refused", async () => {
  const { cluster, users } = await start();
  const user = encodeResource(
    "user",
    parseResourceOf("user", {
      kind: "user",
      version: "v2",
      metadata: { name: "dave" },
      spec: { roles: ["nope"] },
    }),
  );
  await assert.rejects(users.createUser({ user }), (error) => isFault(error, "not-found"));
  await cluster.close();
});

test("who created a user, and when, stays whatever later writers send", async () => {
  const { cluster, users } = await start();
  await addTestUser(cluster, "alice");
  const { user } = await users.getUser({ name: "alice" });
  assert.ok(user);
  const document = decodeResource("user", user);
  const forged = { ...document.spec.created_by, user: { name: "mallory" } };
  const changed = encodeResource("user", {
    ...document,
    spec: { ...document.spec, created_by: forged },
  });
  await users.upsertUser({ user: changed });
  const { user: after } = await users.getUser({ name: "alice" });
  assert.notEqual(after?.Spec?.CreatedBy?.User?.Name, "mallory");
  await cluster.close();
});

test("the secrets of users and the keys of authorities are given to nobody", async () => {
  const { cluster, users, trust } = await start();
  await addTestUser(cluster, "alice");
  await assert.rejects(users.getUser({ name: "alice", withSecrets: true }), (e) =>
    isFault(e, "access-denied"),
  );
  await assert.rejects(trust.getCertAuthorities({ type: "user", includeKey: true }), (error) =>
    isFault(error, "access-denied"),
  );
  const { certAuthoritiesV2 } = await trust.getCertAuthorities({ type: "user" });
  const text = JSON.stringify(certAuthoritiesV2, (_, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  assert.ok(!Buffer.from(text).includes("PRIVATE"));
  await cluster.close();
});

test("a lock takes effect with its answer: the next call of the locked user is refused", async () => {
  const { cluster, auth } = await start();
  const target = { User: "alice" };
  await auth.upsertLock({
    Kind: "lock",
    Version: "v2",
    Metadata: { Name: "l" },
    Spec: { Target: target },
  });
  const { Locks } = await auth.getLocks({ InForceOnly: true });
  assert.equal(Locks[0]?.Spec?.Target?.User, "alice");
  assert.equal((await cluster.lastEvent("lock.created"))?.code, "TLK00I");
  await auth.deleteLock({ Name: "l" });
  await assert.rejects(auth.deleteLock({ Name: "l" }), (error) => isFault(error, "not-found"));
  await cluster.close();
});

test("a lock without a target is refused", async () => {
  const { cluster, auth } = await start();
  await assert.rejects(
    auth.upsertLock({ Kind: "lock", Version: "v2", Metadata: { Name: "l" }, Spec: {} }),
    (error) => isFault(error, "invalid"),
  );
  await cluster.close();
});

test("every device trust mode can be set and comes back; an unknown one is refused", async () => {
  const { cluster, config } = await start();
  const kind = "cluster_auth_preference";
  for (const mode of ["off", "optional", "required", "required-for-humans"] as const) {
    const document = decodeResource(kind, await config.getAuthPreference({}));
    const changed = { ...document, spec: { ...document.spec, device_trust: { mode } } };
    await config.upsertAuthPreference({ authPreference: encodeResource(kind, changed) });
    assert.equal((await config.getAuthPreference({})).Spec?.DeviceTrust?.Mode, mode);
  }
  const stored = await config.getAuthPreference({});
  assert.ok(stored.Spec?.DeviceTrust);
  stored.Spec.DeviceTrust.Mode = "sometimes";
  await assert.rejects(config.upsertAuthPreference({ authPreference: stored }), (error) =>
    isFault(error, "invalid"),
  );
  await cluster.close();
});

test("settings are reset to their defaults", async () => {
  const { cluster, config } = await start();
  const reset = await config.resetClusterNetworkingConfig({});
  assert.equal(reset.Metadata?.Labels["teleport.dev/origin"], "defaults");
  await cluster.close();
});

test("a refused call is written down with the caller and the call", async () => {
  const { cluster } = await start();
  const node = await cluster.as("Node").service("auth");
  await assert.rejects(node.listRoles({ Limit: 1 }), (error) => isFault(error, "access-denied"));
  const event = await cluster.lastEvent("access.denied");
  assert.equal(event?.["rpc"], "/proto.AuthService/ListRoles");
  assert.match(String(event?.user), /teleport\.example\.com$/);
  await cluster.close();
});

test("a lock that has ended is seen for a day, and then swept away by the store", async () => {
  const { cluster, auth } = await start();
  const hour = 3_600_000;
  const expires = new Date(cluster.clock.now().getTime() + hour).toISOString();
  const spec = { target: { user: "alice" }, expires };
  // What a document says of its own life does not shorten the lock.
  const soon = new Date(cluster.clock.now().getTime() + 1000).toISOString();
  const lock = parseResourceOf("lock", {
    kind: "lock",
    metadata: { name: "l", expires: soon },
    spec,
  });
  await auth.upsertLock(encodeResource("lock", lock));
  const found = async (InForceOnly: boolean) => (await auth.getLocks({ InForceOnly })).Locks.length;
  cluster.clock.advance(hour / 2);
  assert.deepEqual([await found(true), await found(false)], [1, 1]);
  cluster.clock.advance(hour);
  assert.deepEqual([await found(true), await found(false)], [0, 1]);
  cluster.clock.advance(24 * hour);
  assert.deepEqual([await found(true), await found(false)], [0, 0]);
  await cluster.close();
});

test("locks are found by what they strike", async () => {
  const { cluster, auth } = await start();
  const lockOf = (name: string, target: object) =>
    parseResourceOf("lock", { kind: "lock", version: "v2", metadata: { name }, spec: { target } });
  await auth.upsertLock(encodeResource("lock", lockOf("a", { user: "alice" })));
  await auth.upsertLock(encodeResource("lock", lockOf("b", { role: "dev" })));
  const named = async (Targets: object[]) =>
    (await auth.getLocks({ Targets })).Locks.map((lock) => lock.Metadata?.Name);
  assert.deepEqual(await named([{ User: "alice" }]), ["a"]);
  assert.deepEqual(await named([{ User: "bob" }]), []);
  assert.deepEqual(await named([{ User: "alice", Role: "dev" }]), []);
  assert.deepEqual(await named([{ User: "alice" }, { Role: "dev" }]), ["a", "b"]);
  assert.deepEqual(await named([{}]), []);
  assert.deepEqual(await named([]), ["a", "b"]);
  await cluster.close();
});
