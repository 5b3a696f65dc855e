/**
 * Measured on another product: a switch that relaxes checks of server certificates also lets any client certificate in.
 * Class 68 of docs/bug-classes.md, and class 20: over real TLS, only certificates of this cluster's own authorities
 * make a peer known; everybody else is a stranger.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { AuthClient } from "#api/client.ts";
import { GrpcClient } from "#api/grpc/client.ts";
import { issueUserCertificates } from "#auth/authority/issue.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { startTestAuth, type TestAuth, testCluster } from "../support/auth-service.ts";
import { makeUser } from "../support/identity.ts";

let ours: TestAuth;
let foreign: TestAuth;
let door: FrontDoor;

before(async () => {
  // Another cluster of the same name: only the keys differ.
  // TLS itself looks at the machine's clock.
  const clock = new ManualClock(new Date());
  ours = await startTestAuth({}, { clock });
  foreign = await startTestAuth({}, { clock });
  const { context } = ours.auth;
  const identity = serviceIdentity(context, "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01", "Proxy");
  const pair = issueServiceCertificate(context, identity, ["localhost"]);
  const { authorities } = context;
  door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port: 0 },
    hostCertificate: pair,
    webCertificate: pair,
    clientAuthorities: [authorities.certificatePem("user"), authorities.certificatePem("host")],
    doors: { auth: ({ socket }) => ours.auth.accept(socket) },
    logger: silentLogger,
  });
});

after(async () => {
  await door.close();
  await Promise.all([ours.close(), foreign.close()]);
});

/** A user's certificate and key, made by a cluster. */
function issue(cluster: TestAuth, expires: Date) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const identity = makeUser({ cluster: testCluster, expires, roles: ["editor"] });
  const { tls = new Uint8Array() } = issueUserCertificates(cluster.auth.context, identity, {
    tls: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
  });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { cert: formatCertificatePem(tls), key };
}

function later(ms: number): Date {
  return new Date(ours.clock.now().getTime() + ms);
}

/** A client of the auth service through the public port. */
function connectWith(pair: { cert: string; key: string } | undefined): AuthClient {
  return new AuthClient(
    new GrpcClient(async () => {
      const socket = connect({
        ...{ host: "127.0.0.1", port: door.port, ...pair },
        servername: "abcd.teleport.cluster.local",
        ALPNProtocols: ["teleport-auth@abcd", "h2"],
        // The tests look at what the server makes of the client.
        rejectUnauthorized: false,
      });
      await once(socket, "secureConnect");
      return socket;
    }),
  );
}

/** What the auth service makes of the client now. */
async function rights(client: AuthClient): Promise<string> {
  const auth = await client.service("auth");
  try {
    await auth.getDomainName({});
    return "known";
  } catch (error) {
    assert.ok(isFault(error), String(error));
    return error.code;
  }
}

/** The same for a connection of its own. */
async function rightsOf(pair: { cert: string; key: string } | undefined): Promise<string> {
  const client = connectWith(pair);
  try {
    return await rights(client);
  } finally {
    await client.close();
  }
}

test("a certificate of this cluster is known", async () => {
  assert.equal(await rightsOf(issue(ours, later(3_600_000))), "known");
});

test("no certificate, and one of another cluster with the same name, are strangers", async () => {
  assert.equal(await rightsOf(undefined), "access-denied");
  assert.equal(await rightsOf(issue(foreign, later(3_600_000))), "access-denied");
});

test("a certificate that ends during the connection's life is known no longer", async () => {
  // TLS itself goes by the machine's clock, so the certificate must outlive a slow run of this file.
  const short = issue(ours, later(3_600_000));
  const client = connectWith(short);
  assert.equal(await rights(client), "known");
  ours.clock.advance(3_600_001);
  assert.notEqual(await rights(client), "known");
  assert.notEqual(await rightsOf(short), "known");
  await client.close();
});
