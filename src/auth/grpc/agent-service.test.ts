import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { connectPeer } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";
import { followAuthority } from "../../../test/support/follow-authority.ts";
import { serviceIdentity } from "../hosts/service-certificates.ts";

const hostId = "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01";

test("a lock on a server ends the feed that it has open", async () => {
  const cluster = await startTestAuth();
  const { context } = cluster.auth;
  const identity = serviceIdentity(context, hostId, "Node");
  const node = connectPeer(cluster, { identity, address: "192.0.2.7" });
  const agent = await node.service("agent");
  const seen: (string | undefined)[] = [];
  const follow = async () => {
    for await (const { update } of followAuthority(agent, ["lock", "role"])) {
      seen.push(update.case);
      if (update.case !== "snapshotComplete") continue;
      const lock = { kind: "lock", version: "v2", metadata: { name: "stolen" } };
      const spec = { target: { server_id: hostId } };
      await context.stores.locks.create(parseResourceOf("lock", { ...lock, spec }));
    }
  };
  await assert.rejects(follow(), (error) => isFault(error, "locked"));
  assert.ok(seen.includes("snapshotComplete"));
  await node.close();
  await cluster.close();
});

test("an inventory service follows no rules, reports no events, and is no server", async () => {
  const cluster = await startTestAuth();
  const agent = await cluster.as("MDM").service("agent");
  const denied = (error: unknown) => isFault(error, "access-denied");
  for (const kind of ["role", "lock", "cert_authority", "node"]) {
    await assert.rejects(followAuthority(agent, [kind]).next(), denied);
  }
  await assert.rejects(agent.emitEvents({ events: [] }), denied);
  await assert.rejects(agent.heartbeat({ document: new Uint8Array() }), denied);
  await cluster.close();
});
