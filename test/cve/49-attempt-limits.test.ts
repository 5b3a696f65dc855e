/**
 * CVE-2023-42820, CVE-2023-43650: secrets from a guessable generator, and codes that may be tried without end. Class
 * 49 of docs/bug-classes.md. Guesses that are made at the same time count like guesses one after the other.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import type { AuthClient } from "#api/client.ts";
import { lockedUntil } from "#auth/users/attempts.ts";
import { beginLogin } from "#auth/users/login.ts";
import { isFault } from "#base/fault.ts";
import { UserCertsRequest_CertPurpose, UserCertsRequest_CertUsage } from "#gen/proto/certs_pb.ts";
import { ChallengeScope } from "#gen/teleport/mfa/v1/mfa_pb.ts";
import { encodePublicKey, formatAuthorizedKey } from "#ssh/public-key.ts";
import { logIn } from "../support/auth-person.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  type TestAuth,
  testPassword,
} from "../support/auth-service.ts";

let cluster: TestAuth;
let proxy: AuthClient;

before(async () => {
  cluster = await startTestAuth();
  proxy = cluster.as("Proxy");
});

after(() => cluster.close());

/** The events of logins that failed, oldest first. */
async function events(user: string) {
  const page = await cluster.auth.context.events.search({
    ...{ types: ["user.login"], user, order: "ascending", limit: 1000 },
  });
  return page.events;
}

/** One guess at the code by somebody who knows the password; true when it passes. */
async function guess(user: string, totpCode: string, password = testPassword): Promise<boolean> {
  const login = await proxy.service("login");
  try {
    // Without a key there is no certificate to make; the proof comes before.
    await login.finishLogin({ user, password, totpCode, clientIp: "192.0.2.7" });
    return true;
  } catch (error) {
    assert.ok(isFault(error, "unproven"), String(error));
    return false;
  }
}

/** A code that is certainly wrong now. */
function wrong(secret: string): string {
  const right = Number(codeOf(secret, cluster.clock.now()));
  return String((right + 12_345) % 1_000_000).padStart(6, "0");
}

test("five guesses at once close the login as five in a row would", async () => {
  const secret = await addTestUser(cluster, "parallel");
  cluster.clock.advance(60_000);
  const code = wrong(secret);
  const results = await Promise.all(Array.from({ length: 5 }, () => guess("parallel", code)));
  assert.ok(results.every((passed) => !passed));
  assert.equal(await guess("parallel", codeOf(secret, cluster.clock.now())), false);
  cluster.clock.advance(20 * 60_000 + 1000);
  assert.equal(await guess("parallel", codeOf(secret, cluster.clock.now())), true);
});

test("failures that are written at the same moment are all counted", async () => {
  const { credentials } = cluster.auth.context;
  const now = cluster.clock.now();
  const fail = () => credentials.countTry("moment", now);
  await Promise.all([fail(), fail(), fail(), fail()]);
  assert.equal((await credentials.attempts("moment")).failures.length, 4);
  await fail();
  assert.ok(lockedUntil(await credentials.attempts("moment"), now));
});

test("of sixty guesses at once, from as many addresses, five are judged, and the login stays closed", async () => {
  await addTestUser(cluster, "flood");
  const { auth, clock } = cluster;
  const before = (await events("flood")).length;
  await Promise.allSettled(
    Array.from({ length: 60 }, (_, i) =>
      beginLogin(auth.context, "flood", "wrong", { clientIp: `192.0.2.${i}`, userAgent: "" }),
    ),
  );
  const reasons = (await events("flood")).slice(before).map(({ message }) => message ?? "");
  const judged = reasons.filter((reason) => !reason.startsWith("too many failures"));
  assert.deepEqual([reasons.length, judged.length], [60, 5]);
  assert.ok(lockedUntil(await auth.context.credentials.attempts("flood"), clock.now()));
});

test("a stolen login that answers thirty challenges of a session at once has five answers judged", async () => {
  await addTestUser(cluster, "stolen");
  const { client } = await logIn(cluster, "stolen");
  const api = await client.service("auth");
  const scope = ChallengeScope.USER_SESSION;
  for (let i = 0; i < 30; i++) {
    await api.createAuthenticateChallenge({
      Request: { case: "ContextUser", value: {} },
      ChallengeExtensions: { scope },
    });
  }
  const answers = await Promise.allSettled(
    Array.from({ length: 30 }, (_, i) =>
      api.generateUserCerts({
        Username: "stolen",
        Usage: UserCertsRequest_CertUsage.SSH,
        Purpose: UserCertsRequest_CertPurpose.SINGLE_USE_CERTS,
        NodeName: "web-1",
        SSHLogin: "root",
        SSHPublicKey: Buffer.from(
          formatAuthorizedKey(encodePublicKey(generateKeyPairSync("ed25519").publicKey)),
        ),
        MFAResponse: { Response: { case: "TOTP", value: { Code: String(100_000 + i) } } },
      }),
    ),
  );
  const said = answers.map((answer) =>
    answer.status === "rejected" ? String(answer.reason.message) : "issued",
  );
  assert.equal(said.filter((text) => text.startsWith("invalid or spent")).length, 5);
  assert.equal(said.filter((text) => text.includes("closed until")).length, 25);
  await client.close();
});

test("the right code behind thirty wrong ones comes too late, even when all were sent at once", async () => {
  const secret = await addTestUser(cluster, "burst");
  cluster.clock.advance(60_000);
  const codes = [
    ...Array.from({ length: 30 }, () => wrong(secret)),
    codeOf(secret, cluster.clock.now()),
  ];
  const results = await Promise.all(codes.map((code) => guess("burst", code)));
  assert.deepEqual(
    results.filter((passed) => passed),
    [],
  );
});

test("passwords guessed at once are counted too", async () => {
  const secret = await addTestUser(cluster, "password");
  cluster.clock.advance(60_000);
  const code = codeOf(secret, cluster.clock.now());
  const tries = Array.from({ length: 20 }, (_, index) => guess("password", code, `guess ${index}`));
  await Promise.all(tries);
  assert.equal(await guess("password", code), false);
});

test("a code is good once, also when it is sent twice at the same time", async () => {
  const secret = await addTestUser(cluster, "twice");
  cluster.clock.advance(60_000);
  const code = codeOf(secret, cluster.clock.now());
  const results = await Promise.all([guess("twice", code), guess("twice", code)]);
  assert.deepEqual(results.sort(), [false, true]);
});

test("secrets of links are long, random and never negative in time", async () => {
  await addTestUser(cluster, "linked");
  const auth = await cluster.as("Admin").service("auth");
  const make = (TTL = 0n) =>
    auth.createResetPasswordToken({ Name: "linked", Type: "password", TTL });
  const links = await Promise.all(Array.from({ length: 20 }, () => make()));
  const secrets = links.map((link) => link.Metadata?.Name ?? "");
  assert.equal(new Set(secrets).size, 20);
  // 192 bits in base64url.
  for (const secret of secrets) assert.match(secret, /^[A-Za-z0-9_-]{32}$/);
  for (const ttl of [-1n, -(2n ** 63n), 2n ** 63n - 1n]) {
    await assert.rejects(make(ttl), (error) => isFault(error, "invalid"), String(ttl));
  }
});
