/** Lists of resources as clients ask for them; what a role shows of them is tested in `#auth/listing.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../../test/support/auth-service.ts";

test("who asks what they could request finds nothing: an official client would request it after a refusal", async () => {
  const cluster = await startTestAuth();
  const { nodes } = cluster.auth.context.stores;
  const spec = { hostname: "web-1", addr: "127.0.0.1:22" };
  const metadata = { name: "8a3f6a52-6f6e-4b0b-9a55-000000000001", labels: {} };
  await nodes.create(parseResourceOf("node", { kind: "node", version: "v2", metadata, spec }));
  const person = await logIn(cluster, "alice");
  const api = await person.client.service("auth");
  const found = async (UseSearchAsRoles: boolean) => {
    const all = await api.listUnifiedResources({ Kinds: ["node"], Limit: 10, UseSearchAsRoles });
    const one = await api.listResources({ ResourceType: "node", Limit: 10, UseSearchAsRoles });
    return [all.Resources.length, one.Resources.length];
  };
  assert.deepEqual(await found(false), [1, 1]);
  assert.deepEqual(await found(true), [0, 0]);
  await cluster.close();
});
