/** Whoever is refused at a door of the proxy learns under which id, and the audit log has it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { GrpcClient } from "#api/grpc/client.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { Fault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom, uuid } from "#base/random.ts";
import { startTestAuth, type TestAuth, testCluster } from "../../test/support/auth-service.ts";
import { makeUser } from "../../test/support/identity.ts";
import { DenialLog } from "./denials.ts";

let cluster: TestAuth;
let client: GrpcClient;
let denials: DenialLog;

before(async () => {
  cluster = await startTestAuth();
  const { auth, clock } = cluster;
  client = auth.connect(serviceIdentity(auth.context, uuid(systemRandom), "Proxy"));
  const parts = { client, clusterName: testCluster, clock, random: systemRandom };
  denials = new DenialLog({ ...parts, logger: silentLogger });
});

after(async () => {
  await client.close();
  await cluster.close();
});

const peer = {
  identity: makeUser({ username: "alice", cluster: testCluster }),
  address: "192.0.2.7",
};
const locked = new Fault("locked", "lock targeting User:alice is in force", {
  hint: "ask an administrator",
  audit: { check: "locks", lock: "lock-1", secret: "of nobody's business" },
});

test("a refusal is in the log under the id that its hint names, with person, door, check and address", async () => {
  const hint = await denials.explain(peer, "gatehouse-tunnel", locked);
  const event = await cluster.lastEvent("access.denied");
  assert.equal(hint, `ask an administrator\nthe whole reason: tctl explain ${event?.uid}`);
  assert.partialDeepStrictEqual(event, {
    code: "GH005W",
    user: "alice",
    rpc: "gatehouse-tunnel",
    error: "lock targeting User:alice is in force",
    "addr.remote": "192.0.2.7",
    refusal: { check: "locks", lock: "lock-1", hint: "ask an administrator" },
  });
});

test("strangers, and faults that decide nothing about access, leave no event", async () => {
  const last = await cluster.lastEvent("access.denied");
  const stranger = { address: peer.address };
  assert.equal(await denials.explain(stranger, "x", locked), "ask an administrator");
  const away = new Fault("not-found", "no such server");
  assert.equal(await denials.explain(peer, "x", away), undefined);
  assert.equal((await cluster.lastEvent("access.denied"))?.uid, last?.uid);
});

test("a refusal stands when the log cannot be reached, and has no id", async () => {
  await client.close();
  assert.equal(await denials.explain(peer, "x", locked), "ask an administrator");
});
