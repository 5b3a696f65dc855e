/** Refusals and their ids: what the person is told, and who may read the whole reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";

/** The id in the hint of a call that is refused. */
async function refusedId(call: Promise<unknown>): Promise<string> {
  const error = await call.then(() => undefined).catch((thrown: unknown) => thrown);
  assert.ok(isFault(error, "access-denied"), String(error));
  return /tctl explain ([0-9a-f-]{36})$/.exec(error.hint ?? "")?.[1] ?? "";
}

test("a refusal shows an id, behind which the person and auditors find rule and reason", async () => {
  const cluster = await startTestAuth();
  const alice = await logIn(cluster, "alice", { roles: ["device-enroll"] });
  const roles = await alice.client.service("auth");
  const id = await refusedId(roles.deleteRole({ Name: "editor" }));
  for (const { client } of [alice, await logIn(cluster, "anna", { roles: ["auditor"] })]) {
    const { event } = await (await client.service("explain")).explain({ id });
    const { user, rpc, refusal } = JSON.parse(Buffer.from(event).toString());
    assert.deepEqual([user, rpc], ["alice", "/proto.AuthService/DeleteRole"]);
    assert.equal(refusal.check, "resource-rules");
  }
  await cluster.close();
});

test("other people, and ids that are none, get the same answer", async () => {
  const cluster = await startTestAuth();
  const alice = await logIn(cluster, "alice", { roles: ["device-enroll"] });
  const id = await refusedId((await alice.client.service("auth")).deleteRole({ Name: "editor" }));
  const mallory = await logIn(cluster, "mallory", { roles: ["device-enroll"] });
  const explain = await mallory.client.service("explain");
  const unknown = `${id.slice(0, -4)}0000`;
  for (const asked of [id, unknown, "", "../events", "x".repeat(10_000)]) {
    await assert.rejects(explain.explain({ id: asked }), (error) => isFault(error, "not-found"));
  }
  await cluster.close();
});

test("an event of another kind of refusal is explained as well: a ceremony that failed", async () => {
  const cluster = await startTestAuth();
  const alice = await logIn(cluster, "alice", { roles: ["device-enroll"] });
  const devices = await alice.client.service("devices");
  const stream = await devices.enrollDevice();
  await stream.send({ payload: { case: "init", value: { token: "no such token" } } });
  const error = await stream.receive().catch((thrown: unknown) => thrown);
  assert.ok(isFault(error), String(error));
  const id = /tctl explain ([0-9a-f-]{36})$/.exec(error.hint ?? "")?.[1] ?? "";
  const { event } = await (await alice.client.service("explain")).explain({ id });
  const { event: type, success } = JSON.parse(Buffer.from(event).toString());
  assert.deepEqual([type, success], ["device.enroll", false]);
  await cluster.close();
});
