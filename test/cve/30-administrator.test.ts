/**
 * Class 30 of docs/bug-classes.md: the local administrator's certificate lies in a file, and files are copied: what a copy is worth on the network. Over
 * real TLS, against the door that everybody can reach.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { AuthClient } from "#api/client.ts";
import { GrpcClient } from "#api/grpc/client.ts";
import type { AuthContext } from "#auth/context.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom, uuid } from "#base/random.ts";
import { writeAdministrator } from "#daemon/administrator.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parsePem } from "#x509/pem.ts";
import { startTestAuth, type TestAuth } from "../support/auth-service.ts";

let cluster: TestAuth;
let door: FrontDoor;
let folder: string;

before(async () => {
  // TLS itself looks at the machine's clock.
  cluster = await startTestAuth({}, { clock: new ManualClock(new Date()) });
  const { context } = cluster.auth;
  const identity = serviceIdentity(context, uuid(systemRandom), "Proxy");
  const pair = issueServiceCertificate(context, identity, ["localhost"]);
  const { authorities } = context;
  door = await FrontDoor.open({
    listenAddress: { host: "127.0.0.1", port: 0 },
    hostCertificate: pair,
    webCertificate: pair,
    clientAuthorities: [authorities.certificatePem("user"), authorities.certificatePem("host")],
    doors: { auth: ({ socket }) => cluster.auth.accept(socket) },
    logger: silentLogger,
  });
  folder = mkdtempSync(join(tmpdir(), "gatehouse-admin-"));
});

after(async () => {
  await door.close();
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes an administrator's identity as `context` says, and lists the users with it. */
async function listUsersAs(context: AuthContext): Promise<number> {
  writeAdministrator(context, folder, "unused:1");
  const read = (name: string) => readFileSync(join(folder, "admin", name), "utf8");
  const client = new GrpcClient(() => {
    const socket = connect({
      host: "127.0.0.1",
      port: door.port,
      servername: "teleport.cluster.local",
      ALPNProtocols: ["h2"],
      ca: read("ca.pem"),
      cert: read("admin.crt"),
      key: read("admin.key"),
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("secureConnect", () => resolve(socket));
    });
  });
  try {
    const users = await new AuthClient(client).service("users");
    return (await users.listUsers({})).users.length;
  } finally {
    await client.close();
  }
}

test("the administrator's identity of this start is good, short-lived, and for its owner only", async () => {
  assert.equal(await listUsersAs(cluster.auth.context), 0);
  const pem = readFileSync(join(folder, "admin", "admin.crt"), "utf8");
  const [der = new Uint8Array()] = parsePem("CERTIFICATE", pem);
  const { notAfter } = parseCertificate(der);
  assert.ok(notAfter.getTime() - cluster.clock.now().getTime() <= 48 * 3_600_000);
  assert.equal(statSync(join(folder, "admin", "admin.key")).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "admin")).mode & 0o777, 0o700);
});

test("one from an earlier start, as in a backup, opens nothing although it has not expired", async () => {
  const earlier = { ...cluster.auth.context, administratorId: uuid(systemRandom) };
  await assert.rejects(listUsersAs(earlier), (error) => isFault(error, "access-denied"));
});
