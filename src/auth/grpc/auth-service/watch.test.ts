/** The watch of the public API: confirmation, changes, deletions, and who may follow what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { Operation } from "#gen/proto/event_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../../test/support/auth-service.ts";

const roleOf = (name: string) =>
  parseResourceOf("role", { kind: "role", version: "v7", metadata: { name }, spec: {} });

/** A watch by an administrator that has been confirmed. */
async function follow(kinds: readonly { Kind: string; Name?: string }[], partial = false) {
  const cluster = await startTestAuth();
  const auth = await cluster.as("Admin").service("auth");
  const call = auth.watchEvents({ Kinds: [...kinds], AllowPartialSuccess: partial });
  const events = call[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await events.next();
    assert.ok(!done, "the watch ended");
    return value;
  };
  return { cluster, auth, next, events };
}

test("a watch confirms its kinds, then tells of writes and deletions in order", async () => {
  const { cluster, auth, next, events } = await follow([{ Kind: "role" }]);
  const first = await next();
  assert.equal(first.Type, Operation.INIT);
  assert.ok(first.Resource.case === "WatchStatus");
  assert.deepEqual(
    first.Resource.value.Spec?.Kinds.map(({ Kind }) => Kind),
    ["role"],
  );
  await auth.createRole({ Role: encodeResource("role", roleOf("dev")) });
  await auth.deleteRole({ Name: "dev" });
  const put = await next();
  assert.ok(put.Type === Operation.PUT && put.Resource.case === "Role");
  assert.equal(put.Resource.value.Metadata?.Name, "dev");
  const gone = await next();
  assert.ok(gone.Type === Operation.DELETE && gone.Resource.case === "ResourceHeader");
  assert.equal(gone.Resource.value.Metadata?.Name, "dev");
  await events.return?.();
  await cluster.close();
});

test("a watch of one name tells of nothing else", async () => {
  const { cluster, auth, next, events } = await follow([{ Kind: "role", Name: "wanted" }]);
  await next();
  for (const name of ["other", "wanted"]) {
    await auth.createRole({ Role: encodeResource("role", roleOf(name)) });
  }
  const put = await next();
  assert.ok(put.Resource.case === "Role");
  assert.equal(put.Resource.value.Metadata?.Name, "wanted");
  await events.return?.();
  await cluster.close();
});

test("kinds that cannot be watched are refused, or left out when the client allows it", async () => {
  const refused = await follow([{ Kind: "role" }, { Kind: "nonsense" }]);
  await assert.rejects(refused.next(), (error) => isFault(error, "invalid"));
  await refused.cluster.close();
  const partial = await follow([{ Kind: "role" }, { Kind: "nonsense" }], true);
  const first = await partial.next();
  assert.ok(first.Resource.case === "WatchStatus");
  assert.equal(first.Resource.value.Spec?.Kinds.length, 1);
  await partial.events.return?.();
  await partial.cluster.close();
});

test("nobody watches secrets", async () => {
  const cluster = await startTestAuth();
  const auth = await cluster.as("Admin").service("auth");
  const call = auth.watchEvents({ Kinds: [{ Kind: "cert_authority", LoadSecrets: true }] });
  const first = call[Symbol.asyncIterator]().next();
  await assert.rejects(first, (error) => isFault(error, "access-denied"));
  await cluster.close();
});

test("whoever is locked meanwhile learns no more", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "alice");
  const auth = await person.client.service("auth");
  const events = auth.watchEvents({ Kinds: [{ Kind: "role" }] })[Symbol.asyncIterator]();
  await events.next();
  const admin = await cluster.as("Admin").service("auth");
  const lock = { kind: "lock", version: "v2", metadata: { name: "x" } };
  const spec = { target: { user: "alice" } };
  await admin.upsertLock(encodeResource("lock", parseResourceOf("lock", { ...lock, spec })));
  await admin.createRole({ Role: encodeResource("role", roleOf("secret")) });
  await assert.rejects(events.next(), /lock targeting User:"alice" is in force/);
  await cluster.close();
});

test("a person without the rule does not watch users", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "alice", { roles: ["access"] });
  const auth = await person.client.service("auth");
  const events = auth.watchEvents({ Kinds: [{ Kind: "user" }] })[Symbol.asyncIterator]();
  await assert.rejects(events.next(), (error) => isFault(error, "access-denied"));
  await cluster.close();
});
