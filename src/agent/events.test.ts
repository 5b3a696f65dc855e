import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EventReporter } from "#agent/events.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import { systemClock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";

/** A reporter whose server does what `take` says with each batch, given as the users in it. */
function start(t: TestContext, take: (users: string[]) => void) {
  const server = new GrpcServer<string>();
  server.register(AgentService, {
    emitEvents({ events }) {
      take(events.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)).user as string));
      return {};
    },
    heartbeat: () => ({}),
    watchAuthority: () => assert.fail("nobody watches"),
  });
  const client = connectInMemory(server, "node");
  const reporter = new EventReporter({
    ...{ client, clusterName: () => "example.com", clock: systemClock },
    ...{ random: systemRandom, logger: silentLogger },
  });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return reporter;
}

const event = (user: string) => ({ user, success: false, error: "no" });

test("a recorded event is with the auth service when the promise resolves", async (t) => {
  const taken: string[] = [];
  const reporter = start(t, (users) => taken.push(...users));
  await reporter.record("auth", event("alice"));
  assert.deepEqual(taken, ["alice"]);
});

test("an event that cannot be recorded grants nothing", async (t) => {
  const reporter = start(t, () => {
    throw new Fault("unavailable", "the store is full");
  });
  await assert.rejects(reporter.record("auth", event("alice")), (error) =>
    isFault(error, "unavailable"),
  );
});

test("reported events wait while the auth service is away, and keep their order", async (t) => {
  const taken: string[] = [];
  let failures = 2;
  const reporter = start(t, (users) => {
    if (failures-- > 0) throw new Fault("unavailable", "away");
    taken.push(...users);
  });
  for (const user of ["a", "b", "c"]) reporter.report("auth", event(user));
  await reporter.close();
  assert.deepEqual(taken, ["a", "b", "c"]);
});

test("an event that is refused does not hold up the others", async (t) => {
  const taken: string[] = [];
  const reporter = start(t, (users) => {
    if (users.includes("bad")) throw new Fault("malformed", "not an event");
    taken.push(...users);
  });
  for (const user of ["a", "bad", "c"]) reporter.report("auth", event(user));
  await reporter.close();
  assert.deepEqual(taken, ["a", "c"]);
});

test("who waits for room loses nothing, however much is reported at once", async (t) => {
  let taken = 0;
  const reporter = start(t, (users) => {
    taken += users.length;
  });
  assert.equal(reporter.room(), undefined);
  for (let i = 0; i < 12_000; i++) reporter.reportKept("auth", event("alice"));
  const room = reporter.room();
  assert.ok(room !== undefined);
  await room;
  assert.ok(taken > 10_000);
  await reporter.close();
  assert.equal(taken, 12_000);
});
