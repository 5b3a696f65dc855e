/**
 * GHSA-h8cp-697h-8c8p, GHSA-j7c9-79x7-8hpr, CVE-2026-1709: a way to a certificate, or to any change, that asks for no
 * authorisation. Classes 22 and 30 of docs/bug-classes.md: every method of every service, called by a stranger.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMethod } from "@bufbuild/protobuf";
import type { AuthClient } from "#api/client.ts";
import { pathOf } from "#api/grpc/server.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { isFault } from "#base/fault.ts";
import * as admin from "#gen/gatehouse/v1/admin_pb.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { PresenceService } from "#gen/teleport/presence/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import type { Identity } from "#identity/identity.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { connectPeer, logIn, type Person } from "../support/auth-person.ts";
import { addTestUser, startTestAuth, type TestAuth } from "../support/auth-service.ts";
import { createKey } from "../support/ssh-keys.ts";

const services = [
  ...[AuthService, UsersService, TrustService, PresenceService, ClusterConfigService],
  ...[DeviceTrustService, LoginService, JoinService, AgentService],
  ...[admin.AuditService, admin.DeviceAdminService, admin.ExplainService, admin.UserService],
];
const methods: readonly DescMethod[] = services.flatMap((service) => service.methods);

/** What strangers may call at all: they are told a name, or must show a join token. */
const open = ["/proto.AuthService/Ping", "/gatehouse.v1.JoinService/Join"];

let cluster: TestAuth;
let alice: Person;

before(async () => {
  cluster = await startTestAuth();
  await addTestUser(cluster, "alice");
  alice = await logIn(cluster, "alice");
});

after(async () => {
  await alice.client.close();
  await cluster.close();
});

/** The status of an empty request. */
async function call(client: AuthClient, method: DescMethod): Promise<number> {
  const call = await client.grpc.open(pathOf(method), { timeoutMs: 10_000 });
  await call.send(new Uint8Array()).catch(() => {});
  call.finishSending();
  const { code } = await call.status;
  return code;
}

function connectAs(identity?: Identity): AuthClient {
  return connectPeer(cluster, { address: "192.0.2.7", ...(identity ? { identity } : {}) });
}

test("a stranger is refused by every method but ping and join", async () => {
  const stranger = connectAs();
  const answers = new Map<string, number>();
  for (const method of methods) answers.set(pathOf(method), await call(stranger, method));
  await stranger.close();
  const denied = 7;
  const unimplemented = 12;
  const passed = [...answers].filter(([, code]) => code !== denied && code !== unimplemented);
  assert.deepEqual(passed.map(([path]) => path).sort(), [...open].sort());
  assert.equal(answers.get("/proto.AuthService/Ping"), 0);
  assert.notEqual(answers.get("/gatehouse.v1.JoinService/Join"), 0);
  const served = [...answers.values()].filter((code) => code === denied);
  assert.ok(served.length > 60, `${served.length} methods are served`);
});

test("a certificate that has expired, or of a locked user, opens no method, also on an old connection", async () => {
  const identity = { ...alice.identity, expires: new Date(cluster.clock.now().getTime() + 60_000) };
  const client = connectAs(identity);
  const auth = await client.service("auth");
  assert.ok((await auth.getDomainName({})).DomainName);
  cluster.clock.advance(60_001);
  for (const method of [AuthService.method.getDomainName, AuthService.method.generateUserCerts]) {
    assert.notEqual(await call(client, method), 0, method.name);
  }
  await client.close();
});

test("only the proxy may log people in, only a host renews, and each for itself", async () => {
  const hostId = "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01";
  const node = connectAs(serviceIdentity(cluster.auth.context, hostId, "Node"));
  const denied = (error: unknown) => isFault(error, "access-denied");
  const login = await node.service("login");
  await assert.rejects(login.finishLogin({ user: "alice" }), denied);
  await assert.rejects(login.getInvitation({ token: "x" }), denied);
  const own = await alice.client.service("login");
  await assert.rejects(own.finishLogin({ user: "alice" }), denied);
  const join = await alice.client.service("join");
  await assert.rejects(join.renewHostCertificates({}), denied);
  const auth = await node.service("auth");
  const PublicKey = new TextEncoder().encode(formatAuthorizedKey(createKey().signer.publicKey));
  await assert.rejects(auth.generateUserCerts({ Username: "alice", PublicKey }), denied);
  await node.close();
});

test("a certificate is exchanged for none that lives longer or belongs to another key's holder", async () => {
  const fresh = await logIn(cluster, "bob");
  const auth = await fresh.client.service("auth");
  const PublicKey = new TextEncoder().encode(formatAuthorizedKey(createKey().signer.publicKey));
  const seconds = BigInt(Math.floor(fresh.identity.expires.getTime() / 1000)) + 86_400n;
  const Expires = { seconds, nanos: 0 };
  const request = { Username: "bob", PublicKey, Expires };
  const later = await auth.generateUserCerts(request).catch((error: unknown) => error);
  if (!isFault(later, "access-denied")) {
    const { TLS } = later as { TLS: Uint8Array };
    const { X509Certificate } = await import("node:crypto");
    const { validToDate } = new X509Certificate(TLS);
    assert.ok(validToDate <= fresh.identity.expires, String(validToDate));
  }
  await assert.rejects(auth.generateUserCerts({ ...request, Username: "alice" }), (error) =>
    isFault(error, "access-denied"),
  );
  await fresh.client.close();
});
