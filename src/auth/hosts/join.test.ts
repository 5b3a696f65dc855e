import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom, uuid } from "#base/random.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { encodePublicKey, formatAuthorizedKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { parseCertificate as parseX509 } from "#x509/certificate.ts";
import { parseSinglePem } from "#x509/pem.ts";
import { startTestAuth, type TestAuth, testCluster } from "../../../test/support/auth-service.ts";
import { failureBudget } from "../failure-budget.ts";
import { joinHost } from "./join.ts";

/** A cluster with one join token for servers. */
async function startWithToken(): Promise<TestAuth> {
  const cluster = await startTestAuth();
  await cluster.auth.context.stores.tokens.create(
    parseResourceOf("token", {
      kind: "token",
      version: "v2",
      metadata: { name: "join-me", expires: "2026-11-21T11:00:00Z" },
      spec: { roles: ["Node"], join_method: "token" },
    }),
  );
  return cluster;
}

/** A machine that wants to join. */
function machine(nodeName = "web-1") {
  const ssh = generateKeyPairSync("ed25519").publicKey;
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  return {
    token: "join-me",
    hostId: uuid(systemRandom),
    nodeName,
    role: "Node",
    sshPublicKeys: [formatAuthorizedKey(encodePublicKey(ssh))],
    tlsPublicKey: tls.export({ type: "spki", format: "pem" }).toString(),
    additionalPrincipals: [] as string[],
    remoteAddress: "127.0.0.1",
  };
}

test("a good token gives certificates for this machine and for no other name", async () => {
  const cluster = await startWithToken();
  const request = machine();
  const joined = await joinHost(cluster.auth.context, request);
  const [line = ""] = joined.sshCertificates;
  const { principals } = parseCertificate(parseAuthorizedKey(line).blob);
  assert.deepEqual(principals, [
    `${request.hostId}.${testCluster}`,
    request.hostId,
    `web-1.${testCluster}`,
    "web-1",
    "localhost",
    "127.0.0.1",
    "::1",
  ]);
  const tls = parseX509(parseSinglePem("CERTIFICATE", joined.tlsCertificate));
  assert.ok(tls.subject.some(({ value }) => value === `${request.hostId}.${testCluster}`));
  assert.equal((await cluster.lastEvent("instance.join"))?.["host_id"], request.hostId);
  await cluster.close();
});

test("an inventory service gets a certificate of its id only: it stands in for no server", async () => {
  const cluster = await startTestAuth();
  const { context } = cluster.auth;
  await context.stores.tokens.create(
    parseResourceOf("token", {
      kind: "token",
      metadata: { name: "mdm" },
      spec: { roles: ["MDM"] },
    }),
  );
  const request = { ...machine(), token: "mdm", role: "MDM", additionalPrincipals: ["db-1"] };
  const joined = await joinHost(context, request);
  const own = [`${request.hostId}.${testCluster}`, request.hostId];
  const [line = ""] = joined.sshCertificates;
  assert.deepEqual(parseCertificate(parseAuthorizedKey(line).blob).principals, own);
  await assert.rejects(joinHost(context, { ...request, role: "Node" }), (error) =>
    isFault(error, "not-found"),
  );
  await cluster.close();
});

test("unknown, expired and unfit tokens are refused in the same words", async () => {
  const cluster = await startWithToken();
  const { context } = cluster.auth;
  const words = (change: object) =>
    joinHost(context, { ...machine(), ...change }).then(
      () => "joined",
      (error: Error) => error.message,
    );
  const unknown = await words({ token: "nope" });
  assert.match(unknown, /not valid/);
  assert.equal(await words({ role: "Proxy" }), unknown);
  assert.equal(await words({ token: "" }), unknown);
  assert.equal(await words({ role: "Admin" }), unknown);
  assert.equal(await words({ role: "constructor" }), unknown);
  cluster.clock.advance(3_600_001);
  assert.equal(await words({}), unknown);
  await cluster.close();
});

test("a host id stays with the key that joined first; the same machine may join again", async () => {
  const cluster = await startWithToken();
  const { context } = cluster.auth;
  const first = machine();
  await joinHost(context, first);
  await joinHost(context, first);
  const thief = { ...machine(), hostId: first.hostId };
  await assert.rejects(joinHost(context, thief), (error) => isFault(error, "already-exists"));
  await cluster.close();
});

test("a machine cannot add the name of another server, nor a name that is none", async () => {
  const cluster = await startWithToken();
  const { context } = cluster.auth;
  await context.stores.nodes.upsert(
    parseResourceOf("node", {
      kind: "node",
      version: "v2",
      metadata: { name: uuid(systemRandom) },
      spec: { hostname: "db-1", use_tunnel: true },
    }),
  );
  const stealing = { ...machine(), additionalPrincipals: ["db-1"] };
  await assert.rejects(joinHost(context, stealing), (error) => isFault(error, "already-exists"));
  for (const name of ["*", "a b", "", "a,b", "-x", "x".repeat(300), "a\n"]) {
    const odd = { ...machine(), additionalPrincipals: [name] };
    await assert.rejects(
      joinHost(context, odd),
      (error) => isFault(error, "invalid"),
      JSON.stringify(name),
    );
  }
  await cluster.close();
});

test("an address with many wrong tokens is refused without a line in the audit log; others join", async () => {
  const cluster = await startWithToken();
  const { context } = cluster.auth;
  const guess = () => joinHost(context, { ...machine(), token: "guess" });
  for (let i = 0; i < failureBudget.burst; i++) {
    await assert.rejects(guess(), (error) => isFault(error, "not-found"));
  }
  const recorded = async () =>
    (await cluster.events.search({ types: ["instance.join"], order: "ascending", limit: 1000 }))
      .events.length;
  const before = await recorded();
  await assert.rejects(guess(), (error) => isFault(error, "limit"));
  assert.equal(await recorded(), before);
  await joinHost(context, { ...machine(), remoteAddress: "192.0.2.9" });
  await cluster.close();
});
