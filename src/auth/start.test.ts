/** The auth service as a whole: clients of its own process outlive every certificate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { openPair } from "#api/grpc/memory-pair.ts";
import { startTestAuth } from "../../test/support/auth-service.ts";
import { strangerMs } from "./start.ts";

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

test("a connection without a certificate does not last", async (t) => {
  const cluster = await startTestAuth();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [theirs, ours] = openPair();
  const stranger = { alpnProtocol: "h2", authorized: false, remoteAddress: "192.0.2.7" };
  cluster.auth.accept(Object.assign(ours, stranger) as unknown as TLSSocket);
  theirs.resume();
  const closed = new Promise((resolve) => ours.once("close", resolve));
  t.mock.timers.tick(strangerMs);
  // The grace in which the other side may take the last word.
  t.mock.timers.tick(10_000);
  await closed;
  t.mock.timers.reset();
  await cluster.close();
});
