/** Which calls the administrator's client makes, and what it makes of the answers. The server only records. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create, type DescService, type Message } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { encodeResource } from "#api/convert/resource.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer, pathOf } from "#api/grpc/server.ts";
import { Fault, isFault } from "#base/fault.ts";
import { Secret } from "#base/secret.ts";
import { AuditService, UserService } from "#gen/gatehouse/v1/admin_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import type { Kind, Resource, ResourceOf } from "#resource/kinds.ts";
import { parseResource } from "#resource/parse.ts";
import { createApiClient } from "./api-client.ts";
import type { AuthClient } from "./auth-client.ts";

const services: readonly DescService[] = [
  AuthService,
  UsersService,
  ClusterConfigService,
  DeviceTrustService,
  TrustService,
  AuditService,
  UserService,
];

type Answer = object | Fault | ((request: Message & Record<string, unknown>) => object);

/** Calls `use` with a client whose server answers as given, and returns "Service/Method" of each call made. */
async function record(
  answers: Readonly<Record<string, Answer>>,
  use: (auth: AuthClient) => Promise<void>,
): Promise<readonly string[]> {
  const calls: string[] = [];
  const server = new GrpcServer<undefined>();
  for (const service of services) {
    const handlers = Object.values(service.method)
      .filter((method) => method.methodKind === "unary")
      .map((method) => {
        const path = pathOf(method).split(".").at(-1) ?? "";
        const handler = async (request: Message & Record<string, unknown>) => {
          calls.push(path);
          const answer = answers[path] ?? {};
          if (answer instanceof Fault) throw answer;
          return create(method.output, typeof answer === "function" ? answer(request) : answer);
        };
        return [method.localName, handler];
      });
    server.register(service, Object.fromEntries(handlers));
  }
  const auth = createApiClient(connectInMemory(server, undefined));
  try {
    await use(auth);
  } finally {
    await auth.close();
    await server.close();
  }
  return calls;
}

const documents: Readonly<Partial<Record<Kind, Resource>>> = {
  role: parseResource({ kind: "role", metadata: { name: "x", revision: "r1" } }),
  user: parseResource({ kind: "user", metadata: { name: "x", revision: "r1" } }),
  token: parseResource({ kind: "token", metadata: { name: "x" }, spec: { roles: ["Node"] } }),
  lock: parseResource({
    kind: "lock",
    metadata: { name: "x" },
    spec: { target: { user: "bob" } },
  }),
  node: parseResource({ kind: "node", metadata: { name: "x" }, spec: { hostname: "h" } }),
  device: parseResource({
    kind: "device",
    metadata: { name: "x" },
    spec: { os_type: "linux", asset_tag: "T" },
  }),
};

const missing = new Fault("not-found", "x is not found");

test("lists, reads and writes each kind with the calls of the public API", async () => {
  const calls = await record(
    {
      "AuthService/GetLock": missing,
      "AuthService/GetNode": missing,
      "UsersService/CreateUser": { user: encodeResource("user", documents.user as never) },
      "DeviceTrustService/CreateDevice": encodeResource("device", documents.device as never),
    },
    async (auth) => {
      for (const document of Object.values(documents)) {
        await auth.list(document.kind);
        await auth.create(document);
        await auth.upsert(document);
        await auth.remove(document.kind, "x");
      }
    },
  );
  assert.deepEqual(calls, [
    ...["ListRoles", "CreateRole", "UpsertRoleV2", "DeleteRole"].map((m) => `AuthService/${m}`),
    ...["ListUsers", "CreateUser", "UpsertUser", "DeleteUser"].map((m) => `UsersService/${m}`),
    ...["ListProvisionTokens", "CreateTokenV2", "UpsertTokenV2", "DeleteToken"].map(
      (m) => `AuthService/${m}`,
    ),
    ...["GetLocks", "GetLock", "UpsertLock", "UpsertLock", "DeleteLock"].map(
      (m) => `AuthService/${m}`,
    ),
    ...["ListResources", "GetNode", "UpsertNode", "UpsertNode", "DeleteNode"].map(
      (m) => `AuthService/${m}`,
    ),
    ...["ListDevices", "CreateDevice", "UpsertDevice", "DeleteDevice"].map(
      (m) => `DeviceTrustService/${m}`,
    ),
  ]);
});

test("updates conditionally, with the revision that was read", async () => {
  const revisions: unknown[] = [];
  const calls = await record(
    {
      "AuthService/UpdateRole": (request) => {
        const role = request["Role"] as { Metadata?: { Revision: string } };
        revisions.push(role.Metadata?.Revision);
        return encodeResource("role", documents.role as never);
      },
    },
    async (auth) => {
      await auth.update(documents.role as Resource);
    },
  );
  assert.deepEqual(calls, ["AuthService/UpdateRole"]);
  assert.deepEqual(revisions, ["r1"]);
});

test("names in the update mask of a device what the person changed, and nothing else", async () => {
  const device = documents.device as Extract<Resource, { kind: "device" }>;
  const stored = { ...device, spec: { ...device.spec, enroll_status: "enrolled" as const } };
  const masks: unknown[] = [];
  await record(
    {
      "DeviceTrustService/GetDevice": encodeResource("device", stored),
      "DeviceTrustService/UpdateDevice": (request) => {
        masks.push((request["updateMask"] as { paths: string[] }).paths);
        return encodeResource("device", stored);
      },
    },
    async (auth) => {
      await auth.update({ ...stored, spec: { ...stored.spec, enroll_status: "not_enrolled" } });
    },
  );
  assert.deepEqual(masks, [["enroll_status"]]);
});

test("refuses to update a device that somebody changed since it was read", async () => {
  const device = documents.device as Extract<Resource, { kind: "device" }>;
  const at = (update_time: string) => ({ ...device, spec: { ...device.spec, update_time } });
  await assert.rejects(
    record(
      { "DeviceTrustService/GetDevice": encodeResource("device", at("2026-11-21T05:00:01Z")) },
      async (auth) => {
        await auth.update(at("2026-11-21T05:00:00Z"));
      },
    ),
    (error) => isFault(error, "conflict"),
  );
});

test("refuses to create a lock or a node whose name is taken", async () => {
  await record({}, async (auth) => {
    for (const kind of ["lock", "node"] as const) {
      await assert.rejects(auth.create(documents[kind] as Resource), (error) =>
        isFault(error, "already-exists"),
      );
    }
  });
});

test("reads a listing page by page, and gives up when it does not end", async () => {
  const role = encodeResource("role", documents.role as never);
  const pages = { "": "a", a: "b", b: "" };
  await record(
    {
      "AuthService/ListRoles": (request) => ({
        Roles: [role],
        NextKey: pages[request["StartKey"] as keyof typeof pages],
      }),
    },
    async (auth) => assert.equal((await auth.list("role")).length, 3),
  );
  await assert.rejects(
    record({ "AuthService/ListRoles": { NextKey: "again" } }, async (auth) => {
      await auth.list("role");
    }),
    (error) => isFault(error, "limit"),
  );
});

test("shows a stored document that today's checks refuse, so that it can be mended", async () => {
  await record({ "AuthService/GetLock": { Metadata: { Name: "x" } } }, async (auth) => {
    assert.equal((await auth.get("lock", "x")).metadata.name, "x");
  });
});

test("asks for links, enrollment tokens and passwords, and passes times and lives on", async () => {
  const expires = new Date("2026-11-21T06:00:00Z");
  const asked: unknown[] = [];
  await record(
    {
      "AuthService/CreateResetPasswordToken": (request) => {
        asked.push([request["Name"], request["Type"], request["TTL"]]);
        return { Metadata: { Expires: timestampFromDate(expires) }, Spec: { URL: "https://x/y" } };
      },
      "DeviceTrustService/CreateDeviceEnrollToken": (request) => {
        asked.push([request["deviceId"]]);
        return { token: "t", expireTime: request["expireTime"] as object };
      },
      "UserService/SetPassword": (request) => {
        asked.push([request["user"], request["password"], request["totp"]]);
        return { otpauthUrl: request["totp"] === true ? "otpauth://x" : "" };
      },
    },
    async (auth) => {
      assert.deepEqual(await auth.createUserLink("bob", "invite", 3_600_000), {
        url: "https://x/y",
        expires,
      });
      assert.deepEqual(await auth.createEnrollToken("d", expires), { token: "t", expires });
      assert.equal(await auth.setPassword("bob", new Secret("pw"), true), "otpauth://x");
      assert.equal(await auth.setPassword("bob", new Secret("pw"), false), undefined);
    },
  );
  assert.deepEqual(asked, [
    ["bob", "invite", 3_600_000_000_000n],
    ["d"],
    ["bob", "pw", true],
    ["bob", "pw", false],
  ]);
});

test("pages through audit events up to the limit", async () => {
  const event = new TextEncoder().encode('{"event":"user.login"}');
  const calls = await record(
    {
      "AuditService/SearchEvents": (request) => ({
        events: Array.from({ length: request["limit"] as number }, () => event),
        nextPageToken: "more",
      }),
    },
    async (auth) => {
      const query = {
        kinds: [],
        user: undefined,
        device: undefined,
        from: undefined,
        to: undefined,
      };
      const events = await auth.searchEvents({ ...query, limit: 700 });
      assert.equal(events.length, 700);
      assert.deepEqual(events[0], { event: "user.login" });
    },
  );
  assert.equal(calls.length, 2);
});

test("the pin of an authority is the SHA-256 of its public key", async () => {
  const pem = readFileSync(new URL("testdata/authority.pem", import.meta.url));
  await record({ "AuthService/GetClusterCACert": { TLSCA: new Uint8Array(pem) } }, async (auth) => {
    // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
    assert.deepEqual(await auth.caPins(), [
      "sha256:716183726a264d0b7e2153ccfb71c33af687a92b1f591c178215bf30b5b14fd7",
    ]);
  });
});

test("tokens of a cluster without pages are listed as it knows them", async () => {
  const token = encodeResource("token", documents.token as ResourceOf["token"]);
  const calls = await record(
    {
      "AuthService/ListProvisionTokens": new Fault("unimplemented", "unknown method"),
      "AuthService/GetTokens": { ProvisionTokens: [token] },
    },
    async (auth) => assert.equal((await auth.list("token"))[0]?.metadata.name, "x"),
  );
  assert.deepEqual(calls, ["AuthService/ListProvisionTokens", "AuthService/GetTokens"]);
  const refused = new Fault("access-denied", "access denied");
  await record({ "AuthService/ListProvisionTokens": refused }, async (auth) => {
    await assert.rejects(auth.list("token"), (error) => isFault(error, "access-denied"));
  });
});

test("authorities of types that the cluster does not know are left out, other failures are not", async () => {
  const answer = (request: Record<string, unknown>) => {
    if (request["type"] === "okta") throw new Fault("invalid", "type is not supported");
    return {};
  };
  await record({ "TrustService/GetCertAuthorities": answer }, async (auth) => {
    assert.deepEqual(await auth.list("cert_authority"), []);
  });
  const lost = new Fault("unavailable", "lost");
  await record({ "TrustService/GetCertAuthorities": lost }, async (auth) => {
    await assert.rejects(auth.list("cert_authority"), (error) => isFault(error, "unavailable"));
  });
});
