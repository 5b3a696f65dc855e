/**
 * Requests to the auth service over gRPC: arbitrary bytes to every method, by a stranger, a node, the proxy, and a
 * user with all preset roles. A call may be refused in any way but as a bug of ours.
 */
import assert from "node:assert/strict";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer, pathOf } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import { checkPeer } from "#auth/grpc/guard.ts";
import { registerServices } from "#auth/grpc/register.ts";
import { serviceIdentity } from "#auth/hosts/service-certificates.ts";
import { concat, utf8 } from "#base/bytes.ts";
import { silentLogger } from "#base/log.ts";
import * as admin from "#gen/gatehouse/v1/admin_pb.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { AuthService as AuthApi } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import { addTestUser, startTestAuth } from "../../test/support/auth-service.ts";
import { fixtureUser } from "../fixtures.ts";
import type { Target } from "../target.ts";

const services = [
  JoinService,
  LoginService,
  AuthApi,
  UsersService,
  ClusterConfigService,
  TrustService,
  DeviceTrustService,
  admin.AuditService,
  admin.DeviceAdminService,
  admin.ExplainService,
  admin.UserService,
];
const methods: readonly DescMethod[] = services
  .flatMap((service) => service.methods)
  .filter((method) => method.methodKind === "unary");
const hostId = "3a3ea7b5-0a3b-4f2d-8f8e-5d6a2f0a9c01";

/** The first two bytes choose method and peer. */
export const authCalls: Target = {
  name: "auth-calls",
  maxLength: 16_000,
  dictionary: [
    ...[
      "alice",
      "access",
      "node",
      "../",
      "%2f",
      "\0",
      "\ud83d\ude00",
      "role",
      "password",
      "invite",
    ],
    Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80, 0x08),
  ],
  async open() {
    const cluster = await startTestAuth();
    const { context } = cluster.auth;
    await addTestUser(cluster, "alice", ["access", "editor", "auditor"]);
    const bugs: unknown[] = [];
    const server = new GrpcServer<Peer>({
      log: {
        ...silentLogger,
        error: (message, fields) => void bugs.push(fields?.["error"] ?? message),
      },
      clock: context.clock,
      intercept: (call) => checkPeer(context, call),
    });
    registerServices(server, context);
    const { clusterName } = context;
    const user = { ...fixtureUser, pinnedIp: undefined, cluster: clusterName };
    const roles = ["access", "editor", "auditor", "device-admin"];
    const { pinnedIp: _, ...identity } = { ...user, roles, expires: new Date("2027-01-01") };
    const peers: readonly Peer[] = [
      { address: "192.0.2.7" },
      { address: "192.0.2.7", identity: serviceIdentity(context, hostId, "Node") },
      { address: "192.0.2.7", identity: serviceIdentity(context, hostId, "Proxy") },
      { address: "192.0.2.7", identity },
    ];
    const clients = peers.map((peer) => connectInMemory(server, peer));
    return {
      seeds: methods.flatMap((method, index) =>
        peers.map((_, peer) =>
          concat(Uint8Array.of(index, peer), toBinary(method.input, create(method.input)), word),
        ),
      ),
      async run(input) {
        const method = methods[(input[0] ?? 0) % methods.length];
        const peer = (input[1] ?? 0) % clients.length;
        assert.ok(method);
        const call = await clients[peer]?.open(pathOf(method));
        assert.ok(call);
        await call.send(input.subarray(2)).catch(() => {});
        call.finishSending();
        const { code, message } = await call.status;
        if (bugs.length > 0) throw bugs.shift();
        return `${method.name} ${peer} ${code} ${message.replace(/"[^"]*"|\d+/g, "#").slice(0, 40)}`;
      },
      async close() {
        for (const client of clients) await client.close();
        await server.close();
        await cluster.close();
      },
    };
  },
};

/** A text in field 1: the name in most requests. */
const word = concat(Uint8Array.of(0x0a, 5), utf8("alice"));
