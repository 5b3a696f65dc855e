/** Who gets which certificate around databases, and who gets none. */
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import type { AuthClient } from "#api/client.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { issueCertificateRequest } from "#x509/certificate-request.ts";
import { purposes } from "#x509/extensions.ts";
import { commonNameOf } from "#x509/name.ts";
import { formatPem, parseSinglePem } from "#x509/pem.ts";
import { signerOf } from "#x509/signer.ts";
import { connectPeer, logIn } from "./support/auth-person.ts";
import { startTestAuth, type TestAuth } from "./support/auth-service.ts";

const hostId = "22222222-0a3b-4f2d-8f8e-5d6a2f0a9c01";
const other = "33333333-0a3b-4f2d-8f8e-5d6a2f0a9c01";
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKey = new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" }));

let cluster: TestAuth;
const clients: AuthClient[] = [];

function agentAs(id: string, role: "Db" | "Node" = "Db"): AuthClient {
  const identity = serviceIdentity(cluster.auth.context, id, role);
  const client = connectPeer(cluster, { identity, address: "192.0.2.7" });
  clients.push(client);
  return client;
}

before(async () => {
  cluster = await startTestAuth();
  const { stores } = cluster.auth.context;
  const database = {
    ...{ kind: "db", version: "v3", metadata: { name: "orders", labels: { env: "dev" } } },
    spec: { protocol: "postgres", uri: "localhost" },
  };
  await stores.databaseServers.upsert(
    parseResourceOf("db_server", {
      ...{ kind: "db_server", version: "v3", metadata: { name: "orders" } },
      spec: { hostname: "agent", host_id: hostId, database },
    }),
  );
  await stores.roles.upsert(
    parseResourceOf("role", {
      ...{ kind: "role", version: "v7", metadata: { name: "dba" } },
      spec: { allow: { db_labels: { env: "dev" }, db_users: ["reader"], db_names: ["sales"] } },
    }),
  );
});

after(async () => {
  for (const client of clients) await client.close();
  await cluster.close();
});

/** What an agent asks for, for a person whose certificate is for this route. */
async function ask(
  changes: Partial<{ service: string; databaseUser: string; databaseName: string }> = {},
  route: Partial<{ serviceName: string; username: string; roles: string[] }> = {},
) {
  const database = {
    serviceName: "orders",
    protocol: "postgres",
    username: "",
    database: "",
    roles: [],
    ...route,
  };
  const roles = ["dba"];
  const person = await logIn(cluster, "alice", { roles, identity: { database } });
  return {
    ...{ service: "orders", databaseUser: "reader", databaseName: "sales", ...changes },
    userCertificate: person.peer.certificate?.encoded ?? new Uint8Array(),
    clientAddress: "127.0.0.1",
    publicKey,
  };
}

/** The certificate is good for this and nothing else. */
function assertSigned(pem: string, authority: "db" | "db_client", purpose: string): void {
  const signer = new X509Certificate(cluster.auth.context.authorities.certificatePem(authority));
  const certificate = new X509Certificate(pem);
  assert.ok(certificate.verify(signer.publicKey) && certificate.checkIssued(signer));
  assert.deepEqual(certificate.keyUsage, [purpose]);
}

const refused = (error: unknown) => isFault(error, "access-denied", "unproven", "invalid");

test("the agent of a database gets a certificate of the database user, for three minutes", async () => {
  const agent = await agentAs(hostId).service("agent");
  const { certificate } = await agent.issueDatabaseCertificate(await ask());
  const read = parseCertificate(parseSinglePem("CERTIFICATE", certificate));
  const { clock } = cluster.auth.context;
  assertSigned(certificate, "db_client", purposes.clientAuth);
  assert.equal(commonNameOf(read.subject), "reader");
  assert.equal(read.subject.length, 1);
  assert.ok(read.notAfter.getTime() - clock.now().getTime() <= 180_000);
});

const attempts: readonly [string, Parameters<typeof ask>][] = [
  ["for a user that no role lists", [{ databaseUser: "postgres" }]],
  ["for a database that no role lists", [{ databaseName: "other" }]],
  ["without a database, where one must be named", [{ databaseName: "" }]],
  ["for another database than the person came for", [{}, { serviceName: "wages" }]],
  ["for another user than the person asked for", [{}, { username: "writer" }]],
  ["for a role that no role lists", [{}, { roles: ["owner"] }]],
  ["for a user with a control character", [{ databaseUser: "reader\n" }]],
  ["for nobody", [{ databaseUser: "" }]],
];

for (const [what, [changes, route]] of attempts) {
  test(`an agent gets none ${what}`, async () => {
    const agent = await agentAs(hostId).service("agent");
    await assert.rejects(agent.issueDatabaseCertificate(await ask(changes, route)), refused);
  });
}

test("an agent that does not serve the database gets none, and neither does a server of another kind", async () => {
  for (const client of [agentAs(other), agentAs(hostId, "Node")]) {
    const agent = await client.service("agent");
    await assert.rejects(agent.issueDatabaseCertificate(await ask()), refused);
  }
});

test("an agent gets none with a certificate that the cluster did not sign", async () => {
  const agent = await agentAs(hostId).service("agent");
  const asked = await ask();
  const forged = asked.userCertificate.slice();
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  await assert.rejects(
    agent.issueDatabaseCertificate({ ...asked, userCertificate: forged }),
    refused,
  );
});

test("an administrator gets the certificate of a server; it is no login at one", async () => {
  const admin = await cluster.as("Admin").service("auth");
  const csr = issueCertificateRequest([], signerOf(pair.privateKey));
  const CSR = Buffer.from(formatPem("CERTIFICATE REQUEST", csr));
  const ServerNames = ["db.example.com", "10.0.0.7"];
  const { Cert, CACerts } = await admin.generateDatabaseCert({
    CSR,
    ServerNames,
    TTL: 3_600_000_000_000n,
  });
  const certificate = Buffer.from(Cert).toString();
  assertSigned(certificate, "db", purposes.serverAuth);
  const { alternativeNames } = parseCertificate(parseSinglePem("CERTIFICATE", certificate));
  assert.deepEqual(alternativeNames.dns, ["db.example.com"]);
  const { authorities } = cluster.auth.context;
  assert.equal(Buffer.from(CACerts[0] ?? []).toString(), authorities.certificatePem("db_client"));
  for (const name of ["a b", "../x", ""]) {
    await assert.rejects(
      admin.generateDatabaseCert({ CSR, ServerNames: [name], TTL: 3_600_000_000_000n }),
      refused,
    );
  }
});
