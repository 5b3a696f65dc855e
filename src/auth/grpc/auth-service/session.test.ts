import assert from "node:assert/strict";
import { test } from "node:test";
import { apiVersion, splitServerVersion } from "#api/version.ts";
import { productVersion } from "#base/version.ts";
import { startTestAuth } from "../../../../test/support/auth-service.ts";

test("a ping names the cluster, the API that it speaks and the product that answers", async () => {
  const cluster = await startTestAuth();
  const auth = await cluster.as("Admin").service("auth");
  const { ClusterName, ServerVersion } = await auth.ping({});
  assert.equal(ClusterName, cluster.auth.context.clusterName);
  assert.deepEqual(splitServerVersion(ServerVersion), { api: apiVersion, product: productVersion });
  await cluster.close();
});
