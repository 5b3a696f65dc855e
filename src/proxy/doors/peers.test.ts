import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthorityFeed } from "#api/authority-feed.ts";
import { createClient } from "#api/grpc/client.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom, uuid } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { systemTimer } from "#ssh/timer.ts";
import { startTestAuth, testCluster } from "../../../test/support/auth-service.ts";
import { followAuthority } from "../../../test/support/follow-authority.ts";
import { makeUser } from "../../../test/support/identity.ts";
import { PeerCheck } from "./peers.ts";

/** A peer check that follows a real auth service. */
async function start() {
  const cluster = await startTestAuth();
  const { auth, clock } = cluster;
  const client = auth.connect(serviceIdentity(auth.context, uuid(systemRandom), "Proxy"));
  const feed = new AuthorityFeed({
    client,
    clock,
    logger: silentLogger,
    random: systemRandom,
    startTimer: systemTimer,
  });
  await feed.ready;
  const peers = new PeerCheck(feed, clock);
  const expires = new Date(clock.now().getTime() + 3_600_000);
  const alice = makeUser({ username: "alice", cluster: testCluster, roles: ["access"], expires });
  const close = async () => {
    await peers.close();
    await feed.close();
    await client.close();
    await cluster.close();
  };
  return { cluster, client, feed, peers, alice, close };
}

const lockOf = (user: string) =>
  parseResourceOf("lock", {
    kind: "lock",
    version: "v2",
    metadata: { name: `lock-${user}` },
    spec: { target: { user } },
  });

test("a lock ends what its target has open, and nothing of others", async () => {
  const { cluster, peers, alice, close } = await start();
  const ended: string[] = [];
  const struck = new Promise<void>((resolve) => {
    peers.hold(alice, () => {
      ended.push("alice");
      resolve();
    });
  });
  peers.hold(makeUser({ username: "bob" }), () => ended.push("bob"));
  await cluster.auth.context.stores.locks.create(lockOf("alice"));
  await struck;
  assert.deepEqual(ended, ["alice"]);
  assert.throws(
    () => peers.requireUser({ identity: alice, address: "127.0.0.1" }),
    (error) => isFault(error, "locked"),
  );
  await close();
});

test("strangers, services and people whose time is over are refused where a person is wanted", async () => {
  const { cluster, peers, alice, close } = await start();
  const address = "127.0.0.1";
  assert.equal(peers.requireUser({ identity: alice, address }).username, "alice");
  assert.throws(
    () => peers.requireUser({ address }),
    (error) => isFault(error, "unproven"),
  );
  const node = serviceIdentity(cluster.auth.context, uuid(systemRandom), "Node");
  assert.throws(
    () => peers.requireUser({ identity: node, address }),
    (e) => isFault(e, "unproven"),
  );
  assert.equal(peers.requireSystem({ identity: node, address }).hostId, node.hostId);
  assert.throws(
    () => peers.requireSystem({ identity: alice, address }),
    (e) => isFault(e, "unproven"),
  );
  cluster.clock.advance(3_600_001);
  assert.throws(() => peers.requireUser({ identity: alice, address }), isFault);
  await close();
});

test("a proxy that has lost its feed for longer than the lease lets nobody in", async () => {
  const { cluster, feed, peers, alice, close } = await start();
  await feed.close();
  cluster.clock.advance(31_000);
  assert.throws(
    () => peers.requireUser({ identity: alice, address: "127.0.0.1" }),
    (error) => isFault(error, "unavailable"),
  );
  await close();
});

test("only services that may follow a kind get it", async () => {
  const { cluster, close } = await start();
  const node = cluster.auth.connect(
    serviceIdentity(cluster.auth.context, uuid(systemRandom), "Node"),
  );
  const updates = followAuthority(createClient(AgentService, node), ["node"]);
  await assert.rejects(
    (async () => {
      for await (const _ of updates) break;
    })(),
    (error) => isFault(error, "access-denied"),
  );
  await node.close();
  await close();
});
