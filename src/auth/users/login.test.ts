import assert from "node:assert/strict";
import { test } from "node:test";
import { base64url } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  type TestAuth,
  testPassword,
} from "../../../test/support/auth-service.ts";
import { FactorClient } from "../../../test/support/second-factors.ts";
import { SoftwareAuthenticator } from "../../../test/support/software-authenticator.ts";
import { createChallenge } from "../mfa/verify.ts";
import type { Assertion } from "../mfa/webauthn.ts";
import { lockout } from "./attempts.ts";
import { badLogin, beginLogin, proveLogin } from "./login.ts";

const client = { clientIp: "127.0.0.1", userAgent: "test" };

/** A cluster with the user alice, thirty seconds after her account was completed. */
async function startWithAlice(spec?: object): Promise<{ cluster: TestAuth; secret: string }> {
  const cluster = await startTestAuth(spec ? { authPreference: preference(spec) } : {});
  const secret = await addTestUser(cluster, "alice");
  cluster.clock.advance(60_000);
  return { cluster, secret };
}

function preference(spec: object) {
  return parseResourceOf("cluster_auth_preference", { kind: "cluster_auth_preference", spec });
}

async function setPreference({ auth }: TestAuth, spec: object): Promise<void> {
  await auth.context.stores.authPreference.upsert(preference(spec));
}

/** What a security key answers to a challenge. */
function assertionFor(
  key: SoftwareAuthenticator,
  { challenge, rpId }: { readonly challenge: string; readonly rpId: string },
): Assertion {
  const { rawId, response } = key.assert(Buffer.from(challenge, "base64url"), rpId);
  return {
    credentialId: base64url(rawId),
    clientDataJson: base64url(response.clientDataJson),
    authenticatorData: base64url(response.authenticatorData),
    signature: base64url(response.signature),
  };
}

/** A login of a user with a password, and the code that is right at this moment unless another is given. */
function login(cluster: TestAuth, secret: string, name: string, password: string, code?: string) {
  const right = codeOf(secret, cluster.clock.now());
  const answer = { type: "totp", code: code ?? right } as const;
  return proveLogin(cluster.auth.context, name, password, answer, client);
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
  await assert.rejects(
    login(cluster, secret, "alice", testPassword),
    (error) =>
      isFault(error, "locked") &&
      /tctl edit user\/alice, status\.is_locked: false\n.*tctl explain /s.test(error.hint ?? ""),
  );
  await cluster.close();
});

test("a login is proved by a security key, once; and by nothing when the cluster stops taking keys", async () => {
  const settings = { second_factor: "on", webauthn: { rp_id: "example.com" } };
  const { cluster, secret } = await startWithAlice(settings);
  const { context } = cluster.auth;
  const owner = new FactorClient(cluster, (await logIn(cluster, "alice")).client);
  const key = new SoftwareAuthenticator("https://example.com");
  await owner.addKey("key", key, await owner.codeFor(secret));
  const touch = async () => {
    const { totp, webauthn } = await beginLogin(context, "alice", testPassword, client);
    assert.ok(totp && webauthn);
    return assertionFor(key, webauthn);
  };
  const finish = (assertion: Assertion) =>
    proveLogin(context, "alice", testPassword, { type: "webauthn", assertion }, client);
  const assertion = await touch();
  assert.equal((await finish(assertion)).device?.name, "key");
  await assert.rejects(finish(assertion), isRefused);
  const open = await touch();
  await setPreference(cluster, { second_factor: "otp" });
  await assert.rejects(finish(open), isRefused);
  assert.equal((await beginLogin(context, "alice", testPassword, client)).webauthn, undefined);
  await cluster.close();
});

test("a challenge for another scope does not log anybody in", async () => {
  const settings = { second_factor: "on", webauthn: { rp_id: "example.com" } };
  const { cluster, secret } = await startWithAlice(settings);
  const { context } = cluster.auth;
  const owner = new FactorClient(cluster, (await logIn(cluster, "alice")).client);
  const key = new SoftwareAuthenticator("https://example.com");
  await owner.addKey("key", key, await owner.codeFor(secret));
  const { webauthn } = await createChallenge(context, "alice", "user-session");
  assert.ok(webauthn);
  const answer = { type: "webauthn", assertion: assertionFor(key, webauthn) } as const;
  await assert.rejects(proveLogin(context, "alice", testPassword, answer, client), isRefused);
  await cluster.close();
});

test("each setting of the cluster: who logs in without a second factor, and whose code counts", async () => {
  const { cluster, secret } = await startWithAlice();
  const { context } = cluster.auth;
  const none = { type: "totp", code: "" } as const;
  const without = () => proveLogin(context, "alice", testPassword, none, client);
  const cases: readonly [object, "none" | "code" | "nothing"][] = [
    [{ second_factor: "off" }, "none"],
    [{ second_factor: "optional" }, "code"],
    [{ second_factor: "otp" }, "code"],
    [{ second_factor: "on" }, "code"],
    [{ second_factor: "webauthn", webauthn: { rp_id: "example.com" } }, "nothing"],
    [{ second_factors: ["otp"] }, "code"],
    [{ second_factors: ["otp", "webauthn"], webauthn: { rp_id: "example.com" } }, "code"],
    [{ second_factors: ["webauthn"], webauthn: { rp_id: "example.com" } }, "nothing"],
    [{ second_factors: ["sso"] }, "nothing"],
  ];
  for (const [spec, wanted] of cases) {
    await setPreference(cluster, spec);
    cluster.clock.advance(30 * 60_000);
    const text = JSON.stringify(spec);
    if (wanted === "none") assert.equal((await without()).device, undefined, text);
    else await assert.rejects(without(), isRefused, text);
    if (wanted === "none") continue;
    const tried = login(cluster, secret, "alice", testPassword);
    if (wanted === "code") assert.equal((await tried).device?.name, "otp", text);
    else await assert.rejects(tried, isRefused, text);
  }
  await cluster.close();
});
