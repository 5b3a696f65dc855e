/** Which devices a service asks for, and how long a decision waits for their facts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualTimers } from "../../test/support/ssh-pair.ts";
import { FollowedDevices, type FollowRequest, factsPatienceMs } from "./followed-devices.ts";

function start() {
  const timers = new ManualTimers();
  const forgotten: string[] = [];
  const devices = new FollowedDevices({
    startTimer: timers.start,
    onForget: (id) => forgotten.push(id),
  });
  const sent: FollowRequest[] = [];
  devices.connect((request) => sent.push(request));
  return { timers, forgotten, devices, sent };
}

/** Whether the promise is settled once everything that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol("waiting");
  const turn = new Promise((resolve) => setImmediate(resolve, waiting));
  return (await Promise.race([promise, turn])) !== waiting;
}

test("a device is asked for once, however many hold it, and stays when nobody does", () => {
  const { devices, sent, forgotten } = start();
  const first = devices.hold("a");
  const second = devices.hold("a");
  assert.deepEqual(sent, [{ followDevices: ["a"] }]);
  first.release();
  first.release();
  assert.deepEqual(devices.ids, ["a"]);
  second.release();
  devices.hold("a").release();
  assert.deepEqual([sent.length, devices.ids, forgotten], [1, ["a"], []]);
});

test("a decision waits until the facts are there, or the word that there are none", async () => {
  const { devices } = start();
  const hold = devices.hold("a");
  const known = hold.known();
  assert.equal(await isSettled(known), false);
  devices.hear("b");
  assert.equal(await isSettled(known), false);
  devices.hear("a");
  assert.equal(await isSettled(known), true);
  assert.equal(await isSettled(hold.known()), true);
});

test("it waits no longer than it must: patience ends, and so does the service", async () => {
  const { devices, timers } = start();
  const known = devices.hold("a").known();
  assert.equal(timers.run(factsPatienceMs), 1);
  assert.equal(await isSettled(known), true);
  const last = devices.hold("b").known();
  devices.close();
  assert.equal(await isSettled(last), true);
});

test("what a lost connection said is asked for again, and waited for again", async () => {
  const { devices } = start();
  const hold = devices.hold("a");
  devices.hear("a");
  devices.hold("b").release();
  const sent: FollowRequest[] = [];
  assert.deepEqual(devices.ids.sort(), ["a", "b"]);
  devices.connect((request) => sent.push(request));
  assert.equal(await isSettled(hold.known()), false);
  devices.hold("b");
  assert.deepEqual(sent, []);
});

test("of the devices that nobody holds, the oldest is forgotten", () => {
  const { devices, sent, forgotten } = start();
  const held = devices.hold("held");
  for (let index = 0; index <= 1000; index++) devices.hold(`idle-${index}`).release();
  assert.deepEqual(forgotten, ["idle-0"]);
  assert.deepEqual(sent.at(-1), { forgetDevices: ["idle-0"] });
  assert.ok(devices.ids.includes("held"));
  held.release();
  assert.deepEqual(forgotten, ["idle-0", "idle-1"]);
});
