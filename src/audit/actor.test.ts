/** Who did it, and from which device. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import { actorOf, deviceEventActorOf } from "./actor.ts";

test("carries the trusted device of a certificate that has one", () => {
  assert.deepEqual(actorOf(makeUser({ device: testDevice })), {
    user: "alice",
    user_kind: 1,
    trusted_device: {
      device_id: testDevice.deviceId,
      asset_tag: testDevice.assetTag,
      credential_id: testDevice.credentialId,
    },
  });
  assert.deepEqual(actorOf(makeUser()), { user: "alice", user_kind: 1 });
});

test("leaves the trusted device out of events about devices", () => {
  assert.deepEqual(deviceEventActorOf(makeUser({ device: testDevice })), {
    user: "alice",
    user_kind: 1,
  });
});

test("names bots, impersonators and services", () => {
  assert.equal(actorOf(makeUser({ botName: "ci" })).user_kind, 2);
  assert.equal(actorOf(makeUser({ impersonator: "carol" })).impersonator, "carol");
  const { hostId } = makeSystem();
  assert.equal(actorOf(makeSystem()).user, `${hostId}.example.com`);
});
