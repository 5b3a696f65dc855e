import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { deviceFactsKind } from "#api/authority-documents.ts";
import { AuthorityFeed } from "#api/authority-feed.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import { utf8 } from "#base/bytes.ts";
import { ManualClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import {
  AgentService,
  type AuthorityUpdateSchema,
  type WatchAuthorityRequest,
} from "#gen/gatehouse/v1/agent_pb.ts";
import {
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
} from "#resource/singletons.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { makeUser, testDevice, testFacts } from "../../test/support/identity.ts";
import { makeLock, makeRole } from "../../test/support/policy.ts";
import { createKey } from "../../test/support/ssh-keys.ts";
import { ManualTimers } from "../../test/support/ssh-pair.ts";

type Update = MessageInitShape<typeof AuthorityUpdateSchema>;

const leaseMs = 30_000;
const authority = createKey();

function change(kind: string, name: string, document?: object): Update {
  const bytes = document === undefined ? new Uint8Array() : utf8(JSON.stringify(document));
  return { update: { case: "change", value: { kind, name, document: bytes } } };
}

const complete: Update = { update: { case: "snapshotComplete", value: {} } };
const heartbeat: Update = { update: { case: "heartbeat", value: {} } };

function settings(): Update[] {
  const line = Buffer.from(formatAuthorizedKey(authority.signer.publicKey)).toString("base64");
  return [
    change("cluster_auth_preference", "p", defaultAuthPreference()),
    change("cluster_networking_config", "n", defaultNetworkingConfig()),
    change("session_recording_config", "s", defaultSessionRecordingConfig()),
    change("cert_authority", "user", {
      kind: "cert_authority",
      sub_kind: "user",
      version: "v2",
      metadata: { name: "example.com" },
      spec: {
        type: "user",
        cluster_name: "example.com",
        active_keys: { ssh: [{ public_key: line }] },
      },
    }),
  ];
}

/** A feed whose server sends what the test says; each connection gets its own list of updates. */
function start(t: TestContext) {
  const clock = new ManualClock(new Date("2026-01-01T00:00:00Z"));
  const timers = new ManualTimers();
  const connections: {
    send: (...updates: Update[]) => void;
    end: () => void;
    /** What the service asks for, in order. */
    requests: AsyncIterator<WatchAuthorityRequest>;
  }[] = [];
  let arrived = () => {};
  const server = new GrpcServer<string>();
  server.register(AgentService, {
    async watchAuthority(stream, { signal }) {
      const queue: Update[] = [];
      let wake = () => {};
      let over = false;
      const end = () => {
        over = true;
        wake();
      };
      signal.addEventListener("abort", end, { once: true });
      connections.push({
        send: (...updates) => {
          queue.push(...updates);
          wake();
        },
        end,
        requests: stream[Symbol.asyncIterator](),
      });
      arrived();
      while (!over) {
        for (const update of queue.splice(0)) await stream.send(update);
        if (queue.length > 0 || over) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    emitEvents: () => ({}),
    heartbeat: () => ({}),
  });
  const client = connectInMemory(server, "node");
  const feed = new AuthorityFeed({
    ...{ client, clock, leaseMs, startTimer: timers.start },
    ...{ random: systemRandom, logger: silentLogger },
  });
  t.after(async () => {
    await feed.close();
    await client.close();
    await server.close();
  });
  const connection = async (index: number) => {
    while (connections[index] === undefined) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
    const found = connections[index];
    if (found === undefined) throw new Fault("internal", "no connection");
    return found;
  };
  const changed = () =>
    new Promise<void>((resolve) => {
      const stop = feed.onChange(() => {
        stop();
        resolve();
      });
    });
  return { feed, clock, timers, connection, changed };
}

test("nothing counts before the snapshot is complete", async (t) => {
  const { feed, connection } = start(t);
  (await connection(0)).send(...settings(), change("role", "a", makeRole("a")));
  assert.equal(feed.view.policy.current, false);
  (await connection(0)).send(complete);
  await feed.ready;
  const { policy, clusterName, userAuthorities } = feed.view;
  assert.deepEqual([policy.current, [...policy.roles.keys()]], [true, ["a"]]);
  assert.equal(clusterName, "example.com");
  assert.deepEqual(userAuthorities, [authority.signer.publicKey]);
});

test("a snapshot without what decisions need never becomes current", async (t) => {
  const { feed, connection } = start(t);
  (await connection(0)).send(...settings().slice(1), complete);
  await connection(1);
  assert.equal(feed.view.policy.current, false);
});

test("changes and deletions apply at once", async (t) => {
  const { feed, connection, changed } = start(t);
  const auth = await connection(0);
  auth.send(...settings(), complete);
  await feed.ready;
  let next = changed();
  auth.send(change("lock", "l", makeLock({ user: "alice" })));
  await next;
  assert.equal(feed.view.policy.locks.length, 1);
  next = changed();
  auth.send(change("lock", "l"));
  await next;
  assert.equal(feed.view.policy.locks.length, 0);
});

test("a view ends with its lease, and a heartbeat makes it longer", async (t) => {
  const { feed, connection, clock, timers, changed } = start(t);
  const auth = await connection(0);
  auth.send(...settings(), complete);
  await feed.ready;
  clock.advance(leaseMs + 1);
  assert.equal(feed.view.policy.current, false);
  const next = changed();
  auth.send(heartbeat, change("role", "a", makeRole("a")));
  await next;
  assert.equal(feed.view.policy.current, true);
  const ended = changed();
  assert.equal(timers.run(leaseMs), 1);
  await ended;
  assert.equal(feed.view.policy.current, false);
});

test("after a loss a new snapshot replaces the old view in one step", async (t) => {
  const { feed, connection, changed } = start(t);
  const first = await connection(0);
  first.send(...settings(), change("role", "old", makeRole("old")), complete);
  await feed.ready;
  first.end();
  const second = await connection(1);
  assert.deepEqual([...feed.view.policy.roles.keys()], ["old"]);
  assert.equal(feed.view.policy.current, true);
  const next = changed();
  second.send(...settings(), change("role", "new", makeRole("new")), complete);
  await next;
  assert.deepEqual([...feed.view.policy.roles.keys()], ["new"]);
});

test("a role that cannot be read is missing, anything else that cannot be read ends the connection", async (t) => {
  const { feed, connection, changed } = start(t);
  const first = await connection(0);
  first.send(...settings(), change("role", "a", makeRole("a")), complete);
  await feed.ready;
  const next = changed();
  first.send(change("role", "a", { kind: "role", spec: { from: "the future" } }));
  await next;
  assert.equal(feed.view.policy.roles.has("a"), false);
  first.send(change("lock", "l", { kind: "lock", spec: { target: { galaxy: "x" } } }));
  await connection(1);
});

const facts = (id: string, document: object = testFacts): Update =>
  change(deviceFactsKind, id, document);
const ruled = change(
  "role",
  "r",
  makeRole("r", { options: { device_posture: ['device.os == "linux"'] } }),
);

test("facts of a device that somebody holds are in the view, and their change is told with its id", async (t) => {
  const { feed, connection } = start(t);
  const auth = await connection(0);
  assert.deepEqual((await auth.requests.next()).value.followDevices, []);
  auth.send(...settings(), ruled, complete);
  await feed.ready;
  const told: (string | undefined)[] = [];
  feed.onChange((id) => told.push(id));
  const hold = feed.holdDevice(makeUser({ device: testDevice }));
  assert.deepEqual((await auth.requests.next()).value.followDevices, [testDevice.deviceId]);
  auth.send(facts(testDevice.deviceId));
  await hold.known();
  const { policy } = feed.view;
  assert.deepEqual(policy.devices.get(testDevice.deviceId), testFacts);
  auth.send(
    change(deviceFactsKind, testDevice.deviceId),
    change("lock", "l", makeLock({ user: "x" })),
  );
  while (told.length < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, [testDevice.deviceId, testDevice.deviceId, undefined]);
  assert.equal(policy.devices.size, 0);
});

test("after a loss the facts are asked for with the first message, and the old ones stand until then", async (t) => {
  const { feed, connection } = start(t);
  const first = await connection(0);
  first.send(...settings(), ruled, complete);
  await feed.ready;
  const hold = feed.holdDevice(makeUser({ device: testDevice }));
  first.send(facts(testDevice.deviceId));
  await hold.known();
  first.end();
  const second = await connection(1);
  assert.deepEqual((await second.requests.next()).value.followDevices, [testDevice.deviceId]);
  assert.ok(feed.view.policy.devices.has(testDevice.deviceId));
  second.send(
    ...settings(),
    ruled,
    facts(testDevice.deviceId, { ...testFacts, owner: "bob" }),
    complete,
  );
  await hold.known();
  assert.equal(feed.view.policy.devices.get(testDevice.deviceId)?.owner, "bob");
});

test("where no rule looks at devices, and for a login without one, nobody waits", async (t) => {
  const { feed, connection } = start(t);
  (await connection(0)).send(...settings(), complete);
  await feed.ready;
  await feed.holdDevice(makeUser({ device: testDevice })).known();
  await feed.holdDevice(makeUser()).known();
});
