/**
 * CVE-2021-41393: host certificates for names of other machines. Class 12 of docs/bug-classes.md; the attacker is a
 * machine that has joined in good order.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import type { AuthClient } from "#api/client.ts";
import { joinHost } from "#auth/hosts/join.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { encodePublicKey, formatAuthorizedKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { connectPeer } from "../support/auth-person.ts";
import { startTestAuth, type TestAuth, testCluster } from "../support/auth-service.ts";

const attacker = "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01";
const victim = "22222222-0a3b-4f2d-8f8e-5d6a2f0a9c02";

let cluster: TestAuth;
let node: AuthClient;

before(async () => {
  cluster = await startTestAuth();
  const { context } = cluster.auth;
  const identity = serviceIdentity(context, attacker, "Node");
  node = connectPeer(cluster, { identity, address: "192.0.2.7" });
  for (const [name, hostname] of [
    [attacker, "web-1"],
    [victim, "db-1"],
  ]) {
    const document = { kind: "node", version: "v2", metadata: { name }, spec: { hostname } };
    await context.stores.nodes.upsert(parseResourceOf("node", document));
  }
});

after(async () => {
  await node.close();
  await cluster.close();
});

/** Renews the attacker's certificates with further names; gives the principals. */
async function renew(...additionalPrincipals: string[]): Promise<readonly string[]> {
  const ssh = generateKeyPairSync("ed25519").publicKey;
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const join = await node.service("join");
  const { sshCertificates } = await join.renewHostCertificates({
    sshPublicKeys: [formatAuthorizedKey(encodePublicKey(ssh))],
    tlsPublicKey: tls.export({ type: "spki", format: "pem" }).toString(),
    additionalPrincipals,
  });
  const [line = ""] = sshCertificates;
  return parseCertificate(parseAuthorizedKey(line).blob).principals;
}

test("a machine renews for its own names and for free ones", async () => {
  const principals = await renew("web.example.org", "10.0.0.7", attacker);
  assert.ok(principals.includes("web.example.org") && principals.includes(attacker));
  assert.ok(!principals.includes("db-1") && !principals.includes(victim));
  const event = await cluster.lastEvent("cert.create");
  assert.equal(event?.["cert_type"], "host");
  assert.equal(event?.["user"], `${attacker}.${testCluster}`);
});

for (const name of [
  "db-1",
  "DB-1",
  `db-1.${testCluster}`,
  victim,
  `${victim}.${testCluster}`,
  "33333333-0a3b-4f2d-8f8e-5d6a2f0a9c03",
  "teleport.cluster.local",
  "abcd.teleport.cluster.local",
  testCluster,
]) {
  test(`a machine cannot renew as ${name}`, async () => {
    await assert.rejects(renew("free", name), (error) =>
      isFault(error, "already-exists", "access-denied"),
    );
  });
}

/** A heartbeat of the attacker under a host name. */
async function heartbeat(hostname: string): Promise<void> {
  const agent = await node.service("agent");
  await agent.heartbeat({
    document: utf8(
      JSON.stringify({
        ...{ kind: "node", version: "v2", metadata: { name: attacker } },
        spec: { hostname, use_tunnel: true },
      }),
    ),
  });
}

test("a machine that gives itself the id or a service's name as host name renews for neither", async () => {
  for (const name of [victim, "x.teleport.cluster.local"]) {
    await heartbeat(name);
    await assert.rejects(renew(), (error) => isFault(error, "already-exists", "access-denied"));
  }
  await heartbeat("web-1");
  assert.ok((await renew()).includes("web-1"));
});

for (const name of ["db-1", "DB-1", `db-1.${testCluster}`]) {
  test(`a machine cannot rename itself to ${name} by a heartbeat`, async () => {
    await assert.rejects(heartbeat(name), (error) => isFault(error, "already-exists"));
    assert.ok(!(await renew()).includes("db-1"));
  });
}

test("a machine keeps the name that it joined with, also while the owner of the other one is away", async () => {
  const { context } = cluster.auth;
  const join = joinTokenOf("web-token");
  await context.stores.tokens.create(parseResourceOf("token", join));
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  await joinHost(context, {
    ...{ token: "web-token", hostId: attacker, nodeName: "web-1", role: "Node" },
    ...{ sshPublicKeys: [], additionalPrincipals: [], remoteAddress: "192.0.2.7" },
    tlsPublicKey: tls.export({ type: "spki", format: "pem" }).toString(),
  });
  await context.stores.nodes.delete(victim);
  await assert.rejects(heartbeat("db-1"), (error) => isFault(error, "access-denied"));
  await heartbeat("web-1");
  const principals = await renew();
  assert.ok(principals.includes("web-1") && !principals.includes("db-1"));
});

function joinTokenOf(name: string) {
  return {
    ...{ kind: "token", version: "v2", metadata: { name } },
    spec: { roles: ["Node"], join_method: "token" },
  };
}
