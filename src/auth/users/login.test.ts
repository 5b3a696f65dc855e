import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  type TestAuth,
  testPassword,
} from "../../../test/support/auth-service.ts";
import { lockout } from "./attempts.ts";
import { badLogin, proveLogin } from "./login.ts";

const client = { clientIp: "127.0.0.1", userAgent: "test" };

/** A cluster with the user alice, thirty seconds after her account was completed. */
async function startWithAlice(): Promise<{ cluster: TestAuth; secret: string }> {
  const cluster = await startTestAuth();
  const secret = await addTestUser(cluster, "alice");
  cluster.clock.advance(60_000);
  return { cluster, secret };
}

/** A login of a user with a password, and the code that is right at this moment unless another is given. */
function login(cluster: TestAuth, secret: string, name: string, password: string, code?: string) {
  const right = codeOf(secret, cluster.clock.now());
  return proveLogin(cluster.auth.context, name, password, code ?? right, client);
}

const isRefused = (error: unknown) => isFault(error, "unproven") && error.message === badLogin;

test("the right password and code prove a login once, and not again with the same code", async () => {
  const { cluster, secret } = await startWithAlice();
  const proven = await login(cluster, secret, "alice", testPassword);
  assert.equal(proven.user.metadata.name, "alice");
  await assert.rejects(login(cluster, secret, "alice", testPassword), isRefused);
  cluster.clock.advance(30_000);
  await login(cluster, secret, "alice", testPassword);
  await cluster.close();
});

test("two logins at once with one code: one of them wins", async () => {
  const { cluster, secret } = await startWithAlice();
  const both = await Promise.allSettled([
    login(cluster, secret, "alice", testPassword),
    login(cluster, secret, "alice", testPassword),
  ]);
  assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
  await cluster.close();
});

test("wrong password, wrong code and unknown user are refused in the same words, and only the log tells them apart", async () => {
  const { cluster, secret } = await startWithAlice();
  await assert.rejects(login(cluster, secret, "alice", "wrong password!"), isRefused);
  await assert.rejects(login(cluster, secret, "nobody", testPassword), isRefused);
  await assert.rejects(login(cluster, secret, "alice", testPassword, "000000"), isRefused);
  const event = await cluster.lastEvent("user.login");
  assert.equal(event?.code, "T1000W");
  assert.equal(event?.error, badLogin);
  await cluster.close();
});

test("after five failures even the right credentials are refused, until the time is over", async () => {
  const { cluster, secret } = await startWithAlice();
  for (let i = 0; i < lockout.failures; i++) {
    await assert.rejects(login(cluster, secret, "alice", "wrong password!"), isRefused);
  }
  await assert.rejects(login(cluster, secret, "alice", testPassword), isRefused);
  cluster.clock.advance(lockout.lockedMs + 1000);
  await login(cluster, secret, "alice", testPassword);
  await cluster.close();
});

test("an unknown user is locked out like a known one, so that a lockout tells nothing", async () => {
  const { cluster, secret } = await startWithAlice();
  for (let i = 0; i < lockout.failures; i++) {
    await assert.rejects(login(cluster, secret, "nobody", "wrong password!"), isRefused);
  }
  cluster.clock.advance(1000);
  await assert.rejects(login(cluster, secret, "nobody", testPassword), isRefused);
  const event = await cluster.lastEvent("user.login");
  assert.match(String(event?.message), /closed until/);
  await cluster.close();
});

test("names of any length and with any characters are refused, not errors", async () => {
  const { cluster, secret } = await startWithAlice();
  for (const name of ["", "x".repeat(5000), "../alice", "alice\u0000", "a/b", "\ud800"]) {
    await assert.rejects(
      login(cluster, secret, name, testPassword),
      isRefused,
      JSON.stringify(name.slice(0, 20)),
    );
  }
  await cluster.close();
});

test("a login of a user whose account is locked says so, after the proof", async () => {
  const { cluster, secret } = await startWithAlice();
  await cluster.auth.context.stores.users.modify("alice", (user) => ({
    ...user,
    spec: { ...user.spec, status: { ...user.spec.status, is_locked: true } },
  }));
  await assert.rejects(login(cluster, secret, "alice", testPassword), (error) =>
    isFault(error, "locked"),
  );
  await cluster.close();
});
