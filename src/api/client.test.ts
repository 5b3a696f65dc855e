import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AuthClient, listPages } from "#api/client.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { GrpcServer } from "#api/grpc/server.ts";
import {
  AgentService,
  type AuthorityUpdate,
  AuthorityUpdateSchema,
} from "#gen/gatehouse/v1/agent_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { followAuthority } from "../../test/support/follow-authority.ts";

function update(
  value: NonNullable<MessageInitShape<typeof AuthorityUpdateSchema>["update"]>,
): AuthorityUpdate {
  return create(AuthorityUpdateSchema, { update: value });
}

test("one connection carries all services, each loaded once", async () => {
  const server = new GrpcServer<string>();
  server.register(AuthService, { ping: (_, { peer }) => ({ ClusterName: peer }) });
  server.register(AgentService, {
    async watchAuthority(stream) {
      const { kinds = [] } = (await stream.receive()) ?? {};
      for (const kind of kinds) {
        await stream.send(update({ case: "change", value: { kind, name: "x" } }));
      }
      await stream.send(update({ case: "snapshotComplete", value: {} }));
    },
  });
  const client = new AuthClient(connectInMemory(server, "node-1"));
  const auth = await client.service("auth");
  assert.equal(auth, await client.service("auth"));
  assert.equal((await auth.ping({})).ClusterName, "node-1");
  const seen: string[] = [];
  const agent = await client.service("agent");
  for await (const { update } of followAuthority(agent, ["role", "lock"])) {
    seen.push(update.case === "change" ? update.value.kind : String(update.case));
  }
  assert.deepEqual(seen, ["role", "lock", "snapshotComplete"]);
  assert.equal(server.connections.size, 1);
  await client.close();
  await server.close();
});

test("a paged listing is read to its end, and a server that repeats its key does not hold it", async () => {
  const pages = new Map([
    ["", { rows: [1, 2], nextKey: "b" }],
    ["b", { rows: [3], nextKey: "c" }],
    ["c", { rows: [4], nextKey: "c" }],
  ]);
  const keys: string[] = [];
  const load = async (_: number, startKey: string) => {
    keys.push(startKey);
    return pages.get(startKey) ?? { rows: [], nextKey: "" };
  };
  assert.deepEqual(await Array.fromAsync(listPages(load)), [1, 2, 3, 4]);
  assert.deepEqual(keys, ["", "b", "c"]);
});
