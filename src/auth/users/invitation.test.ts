import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { codeOf, startTestAuth, testPassword } from "../../../test/support/auth-service.ts";
import { firstDevice } from "../mfa/first-device.ts";
import { noCredentials } from "./credentials.ts";
import type { Invitation } from "./invitation.ts";

/** A cluster with one open invitation. */
async function startWithInvitation() {
  const cluster = await startTestAuth();
  const { invitations, stores } = cluster.auth.context;
  const user = { kind: "user", version: "v2", metadata: { name: "alice" }, spec: {} };
  await stores.users.create(parseResourceOf("user", user));
  const { token, invitation } = await invitations.create("alice", "invite", 0);
  const now = () => codeOf(invitation.totp.secret, cluster.clock.now());
  const code =
    (right = now()) =>
    (open: Invitation) =>
      firstDevice(cluster.auth.context, open, { code: right });
  return { cluster, invitations, token, code };
}

/** These tests look at the link alone. */
const unrecorded = () => Promise.resolve();

const isGone = (error: unknown) => isFault(error, "not-found");

test("a link works once", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  assert.equal((await invitations.accept(token, testPassword, code(), unrecorded)).user, "alice");
  cluster.clock.advance(30_000);
  await assert.rejects(invitations.accept(token, testPassword, code(), unrecorded), isGone);
  await assert.rejects(invitations.get(token), isGone);
  await cluster.close();
});

test("two people with one link: one of them wins", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  const both = await Promise.allSettled([
    invitations.accept(token, "password of the first", code(), unrecorded),
    invitations.accept(token, "password of the other", code(), unrecorded),
  ]);
  assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
  await cluster.close();
});

test("a new link ends the one before, also while somebody accepts it", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  const second = await invitations.create("alice", "password", 0);
  await assert.rejects(invitations.get(token), isGone);
  await assert.rejects(invitations.accept(token, testPassword, code(), unrecorded), isGone);
  const right = codeOf(second.invitation.totp.secret, cluster.clock.now());
  const late = invitations.accept(second.token, testPassword, code(right), async () => {
    await invitations.create("alice", "password", 0);
  });
  await assert.rejects(late, isGone);
  assert.deepEqual(await cluster.auth.context.credentials.get("alice"), noCredentials);
  await cluster.close();
});

test("a link voids the password at once, and the second factors when it is accepted", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  await invitations.accept(token, testPassword, code(), unrecorded);
  const { credentials } = cluster.auth.context;
  assert.notEqual((await credentials.get("alice")).passwordHash, undefined);
  await invitations.create("alice", "password", 0);
  assert.deepEqual(await credentials.get("alice"), noCredentials);
  const [old] = (await credentials.secondFactors.get("alice")).devices;
  assert.equal(old?.name, "otp");
  await cluster.close();
});

test("an expired link and a made-up one are refused in the same words", async () => {
  const { cluster, invitations, token } = await startWithInvitation();
  const words = async (secret: string) =>
    invitations.get(secret).catch((error: Error) => error.message);
  const madeUp = await words("made-up");
  cluster.clock.advance(3_600_001);
  assert.equal(await words(token), madeUp);
  await cluster.close();
});

test("a wrong code or a short password leaves the link open", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  await assert.rejects(invitations.accept(token, testPassword, code("000000"), unrecorded), (e) =>
    isFault(e, "unproven"),
  );
  await assert.rejects(invitations.accept(token, "short", code(), unrecorded), (e) =>
    isFault(e, "invalid"),
  );
  await invitations.accept(token, testPassword, code(), unrecorded);
  await cluster.close();
});

test("the store holds no secret of a link", async () => {
  const { cluster, token } = await startWithInvitation();
  const { items } = await cluster.auth.context.backend.range({ prefix: "/" });
  assert.ok(items.some(({ key }) => key.startsWith("/invitations/")));
  for (const { key, value } of items) {
    assert.ok(!key.includes(token));
    assert.ok(!new TextDecoder().decode(value).includes(token));
  }
  await cluster.close();
});

test("a link for longer than allowed is refused", async () => {
  const { cluster, invitations } = await startWithInvitation();
  await assert.rejects(invitations.create("alice", "invite", 49 * 3_600_000), (e) =>
    isFault(e, "invalid"),
  );
  await cluster.close();
});

test("a link whose use cannot be written down changes nothing and stays good", async () => {
  const { cluster, invitations, token, code } = await startWithInvitation();
  const full = new Fault("environment", "no space left");
  await assert.rejects(
    invitations.accept(token, testPassword, code(), () => Promise.reject(full)),
    full,
  );
  const { credentials } = cluster.auth.context;
  assert.equal((await credentials.get("alice")).passwordHash, undefined);
  await invitations.accept(token, testPassword, code(), unrecorded);
  assert.ok((await credentials.get("alice")).passwordHash);
  await cluster.close();
});
