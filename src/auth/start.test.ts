/** The auth service as a whole: clients of its own process outlive every certificate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestAuth } from "../../test/support/auth-service.ts";

test("services of the same process are still served after the life of a certificate", async () => {
  const cluster = await startTestAuth();
  try {
    const login = await cluster.as("Proxy").service("login");
    const agent = await cluster.as("Node").service("agent");
    cluster.clock.advance(30 * 24 * 3_600_000);
    assert.equal((await login.getPingInfo({})).clusterName, cluster.auth.context.clusterName);
    await agent.emitEvents({ events: [] });
  } finally {
    await cluster.close();
  }
});
