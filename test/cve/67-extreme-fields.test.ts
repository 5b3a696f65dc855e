/**
 * Measured on another product: a list call with limit -1, by an ordinary user, ends the whole server. Class 67 of
 * docs/bug-classes.md: every number, length, enum and time of every request at its extremes gives an answer or a typed
 * refusal, and the service goes on.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import {
  create,
  type DescField,
  type DescMessage,
  type DescService,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { AuthClient } from "#api/client.ts";
import type { ClientCall } from "#api/grpc/client-call.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer, pathOf } from "#api/grpc/server.ts";
import type { Status } from "#api/grpc/status.ts";
import type { Peer } from "#api/peer.ts";
import { checkPeer } from "#auth/grpc/guard.ts";
import { registerServices } from "#auth/grpc/register.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import * as admin from "#gen/gatehouse/v1/admin_pb.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { PresenceService } from "#gen/teleport/presence/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import { logIn } from "../support/auth-person.ts";
import { addTestUser, startTestAuth, type TestAuth } from "../support/auth-service.ts";

const services = [
  ...[AuthService, UsersService, TrustService, PresenceService, ClusterConfigService],
  ...[DeviceTrustService, LoginService, JoinService],
  ...[admin.AuditService, admin.DeviceAdminService, admin.ExplainService, admin.UserService],
];
/** Who calls what: the proxy has calls of its own, everything else refuses it as it refuses a user. */
const callers: Readonly<Record<string, readonly DescService[]>> = {
  user: services,
  administrator: services,
  proxy: [LoginService, JoinService],
};

let cluster: TestAuth;
const bugs: unknown[] = [];
const peers = new Map<string, AuthClient>();

before(async () => {
  cluster = await startTestAuth();
  const { context } = cluster.auth;
  await addTestUser(cluster, "alice");
  const log = { ...silentLogger, error: (_: string, fields?: object) => bugs.push(fields) };
  const server = new GrpcServer<Peer>({
    log,
    clock: context.clock,
    intercept: (call) => checkPeer(context, call),
  });
  registerServices(server, context);
  const roles = ["access", "editor", "auditor", "device-admin"];
  for (const [name, peer] of [
    ["user", (await logIn(cluster, "alice")).peer],
    ["administrator", (await logIn(cluster, "root", { roles })).peer],
    ["proxy", { address: "::1", identity: serviceIdentity(context, "p", "Proxy") }],
  ] as const) {
    peers.set(name, new AuthClient(connectInMemory(server, peer)));
  }
});

after(async () => {
  for (const client of peers.values()) await client.close();
  await cluster.close();
});

const integers = [-1n, -(2n ** 31n), 2n ** 31n - 1n, 2n ** 32n - 1n, -(2n ** 63n), 2n ** 63n - 1n];
const texts = ["\0", "a".repeat(70_000), "../%\u{1f600}", "{{", "9".repeat(400)];

/** Values at the edges of a field's type, that the wire can carry. */
function extremes(field: DescField): unknown[] {
  if (field.fieldKind === "enum") return [-1, 0x7fff_ffff, 4242];
  if (field.fieldKind === "message") return messages(field.message);
  if (field.fieldKind === "list") {
    const item = field.listKind === "message" ? create(field.message) : undefined;
    return field.listKind === "scalar" && field.scalar === ScalarType.STRING
      ? [texts, Array.from({ length: 300 }, () => "a")]
      : item
        ? [[item], Array.from({ length: 300 }, () => item)]
        : [];
  }
  if (field.fieldKind !== "scalar") return [];
  switch (field.scalar) {
    case ScalarType.STRING:
      return texts;
    case ScalarType.BYTES:
      return [new Uint8Array(70_000), Uint8Array.of(0xff)];
    case ScalarType.BOOL:
      return [true];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return integers;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [2n ** 64n - 1n];
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [2 ** 32 - 1];
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return [Number.NaN, Number.POSITIVE_INFINITY, -1e300];
    default:
      return [-1, 0x7fff_ffff, -0x8000_0000];
  }
}

/** A message with one field at an edge, for each of its fields; times and durations among them. */
function messages(schema: DescMessage, depth = 0): Message[] {
  if (depth > 1) return [create(schema)];
  return schema.fields.flatMap((field) => {
    const values =
      field.fieldKind === "message" ? messages(field.message, depth + 1) : extremes(field);
    return values.map((value) => {
      const init = field.oneof
        ? { [field.oneof.localName]: { case: field.localName, value } }
        : { [field.localName]: value };
      return create(schema, init);
    });
  });
}

for (const [peer, called] of Object.entries(callers)) {
  test(`every field of every request at its extremes: the service answers the ${peer} and goes on`, async () => {
    const client = peers.get(peer);
    assert.ok(client);
    let calls = 0;
    const methods = called.flatMap((service) => service.methods);
    for (const method of methods.filter((each) => each.methodKind !== "bidi_streaming")) {
      for (const message of messages(method.input)) {
        const call: ClientCall = await client.grpc.open(pathOf(method), { timeoutMs: 20_000 });
        await call.send(toBinary(method.input, message)).catch(() => {});
        call.finishSending();
        const { code }: Status = await call.status;
        call.cancel();
        calls++;
        const [bug] = bugs.splice(0);
        const what = `${method.name} ${describe(message)} ${inspect(bug)}`;
        assert.ok(bug === undefined && code !== 13 && code !== 2, what);
      }
    }
    assert.ok(calls > 100, `${calls} calls`);
    const auth = await client.service("auth");
    assert.ok((await auth.ping({})).ClusterName);
  });
}

function describe(message: Message): string {
  return JSON.stringify(message, (_, value) =>
    typeof value === "bigint" ? `${value}n` : value,
  ).slice(0, 300);
}

test("a list with a negative or absurd limit is a typed refusal", async () => {
  const auth = await peers.get("user")?.service("auth");
  assert.ok(auth);
  for (const Limit of [-1, -0x8000_0000, 0x7fff_ffff]) {
    for (const list of [
      () => auth.listUnifiedResources({ Limit, Kinds: ["node"] }),
      () => auth.listResources({ Limit, ResourceType: "node" }),
    ]) {
      await assert.rejects(list, (error) => isFault(error, "invalid"));
    }
  }
});
