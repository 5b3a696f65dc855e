/**
 * Who gets past the door of which method of the auth API. Every registered method is called, with an empty request, by a
 * stranger, by a person without rules and by a server; who may is data below, so that a new method is closed to all of
 * them until somebody decides otherwise (bug classes 30 and 67).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  ScalarType,
} from "@bufbuild/protobuf";
import type { AuthClient } from "#api/client.ts";
import { createClient } from "#api/grpc/client.ts";
import type { GrpcServer } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import { registerServices } from "#auth/grpc/register.ts";
import { isFault } from "#base/fault.ts";
import { connectPeer, logIn } from "./support/auth-person.ts";
import { startTestAuth, type TestAuth } from "./support/auth-service.ts";

/** Whoever reaches the port may call these: to learn the cluster's name, and to join with a token. */
const forStrangers = ["proto.AuthService/Ping", "gatehouse.v1.JoinService/Join"];

/** Whoever holds a certificate may call these; lists show what their roles show them. */
const forEverybody = [
  ...forStrangers,
  "proto.AuthService/GetDomainName",
  "proto.AuthService/GetClusterCACert",
  "proto.AuthService/GetClusterAlerts",
  "teleport.trust.v1.TrustService/GetCertAuthority",
  "teleport.trust.v1.TrustService/GetCertAuthorities",
  "proto.AuthService/ListUnifiedResources",
  "proto.AuthService/ListResources",
  "proto.AuthService/ResolveSSHTarget",
  "proto.AuthService/GetSSHTargets",
  // Names the kinds to watch; each is asked for by its own rule (watch.test.ts).
  "proto.AuthService/WatchEvents",
  "teleport.presence.v1.PresenceService/GetRemoteCluster",
  "teleport.presence.v1.PresenceService/ListRemoteClusters",
  "teleport.clusterconfig.v1.ClusterConfigService/GetAuthPreference",
  "teleport.clusterconfig.v1.ClusterConfigService/GetClusterNetworkingConfig",
  "teleport.clusterconfig.v1.ClusterConfigService/GetSessionRecordingConfig",
];

/** People may call these about themselves, without a rule; and the lists of what there is, which show what roles show. */
const forPeople = [
  ...forEverybody,
  // Each answers about the person, or as far as the person may know (explain-service.test.ts).
  "gatehouse.v1.ExplainService/Explain",
  "gatehouse.v1.AttestationService/GetReattestation",
  "gatehouse.v1.ExplainService/DescribeDevice",
  "proto.AuthService/GetAccessCapabilities",
  "proto.AuthService/GetApps",
  "proto.AuthService/GetDatabase",
  "proto.AuthService/GetDatabases",
  "proto.AuthService/GetKubernetesClusters",
  "proto.AuthService/GetCurrentUserRoles",
  "proto.AuthService/GetMFADevices",
  // Whoever has a second factor shows it first (mfa.test.ts).
  "proto.AuthService/AddMFADeviceSync",
  "proto.AuthService/CreateAuthenticateChallenge",
  "proto.AuthService/CreateRegisterChallenge",
  "proto.AuthService/DeleteMFADeviceSync",
  "proto.AuthService/IsMFARequired",
  "teleport.devicetrust.v1.DeviceTrustService/AuthenticateDevice",
  "teleport.devicetrust.v1.DeviceTrustService/EnrollDevice",
  "teleport.devicetrust.v1.DeviceTrustService/ListDevicesByUser",
];

/** With data of a device in the request this asks for auto-enrollment, which everybody may; the data decide. */
const decidedByRequest = "teleport.devicetrust.v1.DeviceTrustService/CreateDeviceEnrollToken";

/** Servers of the cluster may call these. */
const forServers = [
  ...forEverybody,
  "gatehouse.v1.AgentService/EmitEvents",
  "gatehouse.v1.AgentService/Heartbeat",
  "gatehouse.v1.JoinService/RenewHostCertificates",
];

interface Method {
  readonly name: string;
  readonly service: DescService;
  readonly method: DescMethod;
}

let cluster: TestAuth;
let methods: Method[];

before(async () => {
  cluster = await startTestAuth();
  methods = registeredMethods(cluster);
});

after(() => cluster.close());

/** The methods that have a handler, as `registerServices` names them. */
function registeredMethods({ auth }: TestAuth): Method[] {
  const found: Method[] = [];
  const recorder = {
    register(service: DescService, handlers: Readonly<Record<string, unknown>>) {
      for (const local of Object.keys(handlers)) {
        const method = service.method[local];
        assert.ok(method, `${service.typeName} has no method ${local}`);
        found.push({ name: `${service.typeName}/${method.name}`, service, method });
      }
    },
  };
  registerServices(recorder as unknown as GrpcServer<Peer>, auth.context);
  return found;
}

/** Calls a method with an empty request; gives the code of the fault, or undefined. */
async function call(client: AuthClient, { service, method }: Method, request: object = {}) {
  const stub = createClient(service, client.grpc)[method.localName] as unknown;
  try {
    switch (method.methodKind) {
      case "unary":
        await (stub as (request: object) => Promise<unknown>)(request);
        break;
      case "server_streaming":
        for await (const _ of (stub as (request: object) => AsyncIterable<unknown>)(request)) break;
        break;
      case "client_streaming":
        await (stub as (requests: object[]) => Promise<unknown>)([request]);
        break;
      case "bidi_streaming": {
        type Open = () => Promise<{
          send(m: object): Promise<void>;
          receive(): Promise<unknown>;
          finishSending(): void;
        }>;
        const stream = await (stub as Open)();
        await stream.send(request);
        stream.finishSending();
        await stream.receive();
      }
    }
    return undefined;
  } catch (error) {
    assert.ok(isFault(error), String(error));
    assert.notEqual(error.code, "internal", `${service.typeName}/${method.name}: ${error.message}`);
    return error.code;
  }
}

/** The methods whose door the caller passes: whatever happens behind it, it is not a denial. */
async function openTo(client: AuthClient): Promise<string[]> {
  const open: string[] = [];
  for (const method of methods) {
    if ((await call(client, method)) !== "access-denied") open.push(method.name);
  }
  return open.sort();
}

test("a stranger may call what is meant for strangers, and nothing else", async () => {
  const stranger = connectPeer(cluster, { address: "192.0.2.1" });
  assert.deepEqual(await openTo(stranger), [...forStrangers].sort());
  await stranger.close();
});

test("a person without rules may call what needs no rule, and nothing else", async () => {
  const { client } = await logIn(cluster, "nobody", { roles: ["require-trusted-device"] });
  assert.deepEqual(await openTo(client), [...forPeople].sort());
  await client.close();
});

test("a server may call what servers need, and nothing else", async () => {
  assert.deepEqual(await openTo(cluster.as("Node")), [...forServers].sort());
});

test("a person without rules reads and changes nothing of the cluster's settings, whatever the request holds", async () => {
  const { client } = await logIn(cluster, "nobody", { roles: ["require-trusted-device"] });
  const writes = methods.filter(({ name }) =>
    /\/(Create|Update|Upsert|Delete|Bulk|Reset)/.test(name),
  );
  assert.ok(writes.length > 20);
  for (const method of writes) {
    if (forPeople.includes(method.name) || method.name === decidedByRequest) continue;
    for (const value of extremes) {
      const code = await call(client, method, fill(method.method.input, value));
      assert.equal(code, "access-denied", method.name);
    }
  }
  await client.close();
});

/** What a hostile client may put into every field of a request. */
interface Extreme {
  readonly int: number;
  readonly long: bigint;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Which member of a oneof is sent. */
  readonly member: number;
}

const extremes: readonly Extreme[] = [
  { int: -1, long: -1n, text: "", bytes: new Uint8Array(), member: 0 },
  {
    int: 2 ** 31 - 1,
    long: 2n ** 63n - 1n,
    text: "x".repeat(5000),
    bytes: new Uint8Array(5000),
    member: 1,
  },
  {
    int: -(2 ** 31),
    long: -(2n ** 63n),
    text: "/../\0\u{10ffff}%",
    bytes: Buffer.from("{}"),
    member: 2,
  },
  { int: 1, long: 1n, text: "__proto__", bytes: Buffer.from('{"__proto__":1}'), member: 3 },
];

/** A request with every field set to the extreme. */
function fill(schema: DescMessage, value: Extreme, depth = 0): Record<string, unknown> {
  const request: Record<string, unknown> = {};
  if (depth > 4) return request;
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      const field = member.fields[value.member % member.fields.length];
      if (field)
        request[member.localName] = {
          case: field.localName,
          value: fillField(field, value, depth),
        };
    } else request[member.localName] = fillField(member, value, depth);
  }
  return request;
}

function fillField(field: DescField, value: Extreme, depth: number): unknown {
  const one = fillOne(field, value, depth);
  if (field.fieldKind === "list") return [one, one];
  return field.fieldKind === "map" ? { [value.text]: one } : one;
}

function fillOne(field: DescField, value: Extreme, depth: number): unknown {
  if (field.message) return fill(field.message, value, depth + 1);
  if (field.enum) return value.int;
  switch (field.scalar) {
    case ScalarType.STRING:
      return value.text;
    case ScalarType.BYTES:
      return value.bytes;
    case ScalarType.BOOL:
      return value.member % 2 === 1;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return value.long;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt.asUintN(64, value.long);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return value.int >>> 0;
    default:
      return value.int;
  }
}

test("every field of every request at its extremes gives a typed answer, and the server goes on", async () => {
  const admin = cluster.as("Admin");
  const { client } = await logIn(cluster, "root-admin");
  const session = await client.service("auth");
  for (const method of methods) {
    for (const value of extremes) {
      const request = fill(method.method.input, value);
      await call(admin, method, request);
      await call(client, method, request);
      assert.ok((await session.ping({})).ClusterName, `after ${method.name}`);
    }
  }
  await client.close();
});
