/** A server on a machine of its own: joins through the proxy's port, is reached through its tunnel, renews, comes back. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HostCredentials, type ObtainCertificates } from "#agent/credentials.ts";
import { pinOf } from "#agent/dial.ts";
import { obtainThroughProxy, openHostClient } from "#agent/join.ts";
import { AgentTunnel } from "#agent/tunnel.ts";
import { issueServiceCertificate, serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { systemClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { systemRandom } from "#base/random.ts";
import { Secret } from "#base/secret.ts";
import { startNode } from "#node/start.ts";
import { tokenSchema } from "#resource/token.ts";
import { ClientConnection } from "#ssh/client.ts";
import { ClientTransport } from "#ssh/client-transport.ts";
import { systemTimer } from "#ssh/timer.ts";
import { type AgentProtocolStream, TestDoor } from "../support/agent-door.ts";
import { NodeCluster } from "../support/node-cluster.ts";

const hostId = "5b1f2c5e-0000-4000-8000-00000000aaaa";
const shared = { clock: systemClock, random: systemRandom, logger: silentLogger };
let cluster: NodeCluster;
let door: TestDoor;
let folder: string;
let pin: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-join-"));
  cluster = await NodeCluster.start();
  const { context } = cluster.auth;
  const authority = context.authorities.certificatePem("host");
  pin = pinOf(new X509Certificate(authority));
  const own = issueServiceCertificate(context, serviceIdentity(context, "proxy", "Proxy"), []);
  const certificate = own.certificate.includes(authority)
    ? own.certificate
    : own.certificate + authority;
  door = await TestDoor.open({ ...own, certificate }, cluster.auth);
  await cluster.setRole("access", { allow: { logins: ["root"], node_labels: { "*": "*" } } });
  for (const [name, role] of [
    ["good-token", "Node"],
    ["db-token", "Db"],
  ]) {
    const token = { kind: "token", version: "v2", metadata: { name }, spec: { roles: [role] } };
    await context.stores.tokens.upsert(tokenSchema.parse(token));
  }
});

after(async () => {
  await door.close();
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

const proxy = () => ({ host: "127.0.0.1", port: door.port });

function joining(token: string | undefined, caPins: readonly string[] = [pin]): ObtainCertificates {
  const secret = token === undefined ? undefined : new Secret(token);
  return obtainThroughProxy({ proxy: proxy(), role: "Node", token: secret, caPins, ...shared });
}

function open(name: string, obtain: ObtainCertificates): Promise<HostCredentials> {
  return HostCredentials.open({
    ...shared,
    folder: join(folder, name),
    hostId,
    nodeName: "far-away",
    additionalPrincipals: [],
    obtain,
  });
}

test("a pin of another authority ends the joining before the token is sent", async () => {
  const wrong = `sha256:${"ab".repeat(32)}`;
  const before = cluster.events.length;
  await assert.rejects(open("pin", joining("good-token", [wrong])), (error) =>
    isFault(error, "unproven"),
  );
  assert.equal(cluster.events.slice(before).filter((e) => e.event === "instance.join").length, 0);
});

for (const token of ["nope", "db-token"]) {
  test(`the token ${token} is not good for a server`, async () => {
    await assert.rejects(open("token", joining(token)), (error) => isFault(error, "not-found"));
  });
}

test("without certificates and token the person is told what to do", async () => {
  await assert.rejects(open("none", joining(undefined)), (error) => {
    assert.ok(isFault(error, "environment"));
    assert.match(error.hint ?? "", /tctl tokens add --type=node/);
    return true;
  });
});

test("joins, is reached through its tunnel, survives a restart of the proxy, and renews without ending sessions", async () => {
  const credentials = await open("host", joining("good-token"));
  const connection = openHostClient(credentials, proxy());
  const node = await startNode({
    ...shared,
    hostId,
    nodename: "far-away",
    labels: { place: "far" },
    commands: [{ name: "kernel", command: ["uname", "-s"], periodMs: 60_000 }],
    client: connection.client,
    credentials,
    features: { fileCopy: true, portForwarding: true },
    version: "0.0.0",
  });
  const accept = node.accept.bind(node);
  const tunnel = new AgentTunnel({
    ...{ ...shared, proxy: proxy(), credentials, service: "ssh", accept },
  });
  try {
    await node.ready;
    const { spec } = await cluster.auth.context.stores.nodes.get(hostId);
    assert.deepEqual([spec.use_tunnel, spec.cmd_labels?.["kernel"]?.result], [true, "Linux"]);
    const first = await door.nextTunnel();
    const client = await login(await first.open());
    const session = await client.openSession();
    await session.exec("cat");
    const before = credentials.tls.certificate;
    await credentials.renew();
    assert.notEqual(credentials.tls.certificate, before);
    session.channel.end("still here");
    const chunks: Uint8Array[] = [];
    for await (const chunk of session.channel) chunks.push(chunk as Uint8Array);
    assert.equal(Buffer.concat(chunks).toString(), "still here");
    client.close();
    await door.restart();
    const second = await door.nextTunnel();
    const again = await login(await second.open());
    again.close();
  } finally {
    await tunnel.close();
    await node.close();
    await connection.close();
    await credentials.close();
  }
});

test("a host that has joined comes back without a token", async () => {
  const never: ObtainCertificates = () => assert.fail("certificates were asked for");
  const credentials = await open("host", never);
  assert.equal(credentials.clusterName, "example.com");
  assert.equal(credentials.hostKeys.length, 2);
  await credentials.close();
});

async function login(stream: AgentProtocolStream): Promise<ClientConnection> {
  const { key, certificate } = cluster.certify();
  const client = new ClientConnection(
    new ClientTransport(stream, {
      version: "SSH-2.0-Gatehouse_test",
      random: systemRandom,
      startTimer: systemTimer,
      user: "root",
      identity: { signer: key.signer, certificate },
      verifyHost: ({ certificate: host }) => {
        assert.ok(host?.principals.includes("far-away"));
      },
    }),
  );
  await client.ready;
  return client;
}
