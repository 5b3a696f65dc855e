/** Second factors as their owner sees them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIn } from "../../../../test/support/auth-person.ts";
import { addTestUser, startTestAuth } from "../../../../test/support/auth-service.ts";

test("a person sees the authenticator app that was set up, without its secret", async () => {
  const cluster = await startTestAuth();
  const secret = await addTestUser(cluster, "alice");
  const person = await logIn(cluster, "alice");
  const auth = await person.client.service("auth");
  const { Devices } = await auth.getMFADevices({});
  assert.equal(Devices.length, 1);
  assert.deepEqual(Devices[0]?.device.case, "totp");
  assert.ok(
    !JSON.stringify(Devices, (_, v) => (typeof v === "bigint" ? `${v}` : v)).includes(secret),
  );
  await cluster.close();
});
