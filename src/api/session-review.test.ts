import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyView } from "#access/access-checks.ts";
import { sshTarget } from "#access/target.ts";
import { emptyView } from "#api/authority-documents.ts";
import { type ReviewedSession, SessionReview } from "#api/session-review.ts";
import { ManualClock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import { makeUser, testDevice, testFacts } from "../../test/support/identity.ts";
import { makeLock, makePolicy, makeRole } from "../../test/support/policy.ts";
import { ManualTimers } from "../../test/support/ssh-pair.ts";

const roundMs = 30_000;
const allow = { logins: ["root"], node_labels: { "*": "*" } };
const access = (options: object = {}) => makePolicy([makeRole("access", { allow, options })]);

function start(policy: PolicyView = access()) {
  const clock = new ManualClock(new Date("2026-01-01T11:00:00Z"));
  const timers = new ManualTimers();
  const listeners = new Set<(deviceId?: string) => void>();
  let view = { ...emptyView(), policy };
  const feed = {
    get view() {
      return view;
    },
    onChange: (listener: (deviceId?: string) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const review = new SessionReview({
    feed,
    clock,
    startTimer: timers.start,
    logger: silentLogger,
  });
  const ends: string[] = [];
  const session = (name: string, changes: Partial<ReviewedSession> = {}): ReviewedSession => ({
    describe: () => ({
      identity: makeUser({ username: name }),
      target: sshTarget({ id: "host", hostname: "node", labels: {} }, "root"),
      clientIp: undefined,
    }),
    end: ({ check }) => ends.push(`${name}: ${check}`),
    ...changes,
  });
  const setPolicy = (next: PolicyView) => {
    view = { ...view, policy: next };
    for (const listener of listeners) listener();
  };
  const changeFacts = (deviceId: string) => {
    for (const listener of listeners) listener(deviceId);
  };
  return { review, clock, timers, ends, session, setPolicy, changeFacts, listeners };
}

const locked = (user: string) => ({ ...access(), locks: [makeLock({ user })] });

test("a lock ends the sessions that it strikes, once, and no others", () => {
  const { review, ends, session, setPolicy } = start();
  review.add(session("alice"));
  review.add(session("bob"));
  setPolicy(locked("alice"));
  setPolicy(locked("alice"));
  assert.deepEqual(ends, ["alice: locks"]);
});

test("what the rules forbade while its beginning was written down is not added", () => {
  const { review, ends, session } = start(locked("alice"));
  assert.throws(
    () => review.add(session("alice")),
    (error) => isFault(error, "locked"),
  );
  review.review();
  assert.deepEqual(ends, []);
});

test("a session that was taken out is not ended", () => {
  const { review, ends, session, setPolicy } = start();
  review.add(session("alice"))();
  setPolicy(locked("alice"));
  assert.deepEqual(ends, []);
});

test("news that touches no rule judges nothing", () => {
  const { review, session, setPolicy, listeners } = start();
  let asked = 0;
  const counted = session("alice");
  review.add({
    ...counted,
    describe: () => {
      asked++;
      return counted.describe();
    },
  });
  setPolicy(access());
  const before = asked;
  for (const listener of listeners) listener();
  assert.equal(asked, before);
});

test("a session ends on time with its certificate, and is not watched for hours before", () => {
  const { review, clock, timers, ends, session } = start(access({ disconnect_expired_cert: true }));
  review.add(session("alice"));
  for (let round = 0; round < 2 * 60 - 1; round++) {
    clock.advance(roundMs);
    timers.run(roundMs);
  }
  assert.deepEqual(ends, []);
  clock.advance(roundMs);
  // The session's own time is run out by itself, not by the round.
  timers.run(roundMs);
  assert.deepEqual(ends, ["alice: certificate-validity"]);
});

test("a session that cannot be judged or ended does not save the others", () => {
  const { review, ends, session, setPolicy } = start();
  let broken = false;
  const describe = session("mallory").describe;
  review.add(
    session("mallory", {
      describe: () => {
        if (broken) throw new TypeError("no such thing");
        return describe();
      },
    }),
  );
  review.add(
    session("trudy", {
      end: () => {
        throw new Error("no");
      },
    }),
  );
  review.add(session("alice"));
  broken = true;
  setPolicy({ ...access(), locks: [makeLock({ role: "access" })] });
  assert.deepEqual(ends, ["mallory: review", "alice: locks"]);
});

test("options that the service cannot hold to end the session with the service's sentence", () => {
  const { review, session } = start();
  const goesOn = () => {
    throw new Fault("access-denied", "not here", { hint: "elsewhere" });
  };
  assert.throws(
    () => review.add(session("alice", { goesOn })),
    (error) => isFault(error, "access-denied") && error.hint === "elsewhere",
  );
});

test("a closed review ends nothing and holds no timer", async () => {
  const { review, timers, ends, session, setPolicy } = start();
  review.add(session("alice"));
  await review.close();
  setPolicy(locked("alice"));
  assert.deepEqual([ends, timers.run(roundMs)], [[], 0]);
});

test("a fact of a device that a rule does not like ends the sessions of that device, and judges no other", () => {
  const devices = new Map<string, DeviceFacts>([[testDevice.deviceId, testFacts]]);
  const { review, ends, session, changeFacts } = start({
    ...access({ device_posture: ["device.secure_boot"] }),
    devices,
  });
  let judged = 0;
  const sessionOn = (name: string, deviceId: string) =>
    session(name, {
      describe: () => ({
        identity: makeUser({ username: name, device: { ...testDevice, deviceId } }),
        target: sshTarget({ id: "host", hostname: "node", labels: {} }, "root"),
        clientIp: undefined,
      }),
      goesOn: () => judged++,
    });
  devices.set("other", testFacts);
  review.add(sessionOn("alice", testDevice.deviceId));
  review.add(sessionOn("bob", "other"));
  judged = 0;
  devices.set(testDevice.deviceId, { ...testFacts, secure_boot: false });
  changeFacts(testDevice.deviceId);
  assert.deepEqual(ends, ["alice: role-device-posture"]);
  assert.equal(judged, 0);
});

test("time alone ends what a rule about an age allowed", () => {
  const { review, clock, timers, ends, session } = start({
    ...access({ device_posture: ['at_most(device.data_age, "2h")'] }),
    devices: new Map([[testDevice.deviceId, testFacts]]),
  });
  const { describe } = session("alice");
  review.add(
    session("alice", {
      describe: () => ({ ...describe(), identity: makeUser({ device: testDevice }) }),
    }),
  );
  timers.run(roundMs);
  assert.deepEqual(ends, []);
  clock.advance(1);
  timers.run(roundMs);
  assert.deepEqual(ends, ["alice: role-device-posture"]);
});

test("a session whose device is to prove itself goes on with each proof, and ends an interval after the last", () => {
  const reattestation = { everyMs: 2 * roundMs, since: new Date(0) };
  const devices = new Map<string, DeviceFacts>();
  const { review, clock, timers, ends, session, changeFacts } = start({
    ...access({ device_trust_mode: "required" }),
    devices,
    reattestation,
  });
  const { describe } = session("alice");
  review.add(
    session("alice", {
      describe: () => ({ ...describe(), identity: makeUser({ device: testDevice }) }),
    }),
  );
  const pass = () => {
    clock.advance(roundMs);
    timers.run(roundMs);
  };
  pass();
  devices.set(testDevice.deviceId, { ...testFacts, data_time: clock.now().toISOString() });
  changeFacts(testDevice.deviceId);
  pass();
  assert.deepEqual(ends, []);
  pass();
  assert.deepEqual(ends, ["alice: reattestation"]);
});
