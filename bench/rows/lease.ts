/** How exactly a server that hears nothing more of auth keeps its lease, where the cluster locks strictly. */
import { setTimeout as wait } from "node:timers/promises";
import { DirectAccess } from "#client/direct-access.ts";
import { connectNode } from "#client/ssh/connect.ts";
import { type AgentHost, joinThrough } from "../../test/support/cluster/agent-host.ts";
import { AuthCut } from "../../test/support/cluster/auth-cut.ts";
import type { Bench } from "../context.ts";
import type { Row } from "../row.ts";

const leaseMs = 30_000;
const nodename = "cut-off";

/** From the last that the server heard of auth to the end of the session there, less the lease. */
export async function measureLease(bench: Bench): Promise<Row[]> {
  const { cluster } = await bench.workplace();
  const relay = await AuthCut.start(cluster.port);
  const locking = (mode: string) =>
    cluster.store(`kind: cluster_auth_preference\nversion: v2\nspec:\n  locking_mode: ${mode}\n`);
  let agent: AgentHost | undefined;
  try {
    await locking("strict");
    agent = await joinThrough(cluster, nodename, relay.port);
    await agent.until("the tunnel to the proxy is open");
    await agent.until(" ready ");
    // What it reports of its start has been said.
    await wait(3000);
    const login = await bench.login();
    const access = new DirectAccess({ login, device: undefined });
    const target = { host: nodename, port: 0, login: "root" };
    const connection = await connectNode({ login, access, target });
    await (await connection.openSession()).exec("cat");
    await wait(3000);
    relay.cut();
    await connection.closed;
    const beyond = performance.now() - relay.lastWord - leaseMs;
    access.close();
    return [
      {
        what: "server cut off from auth: end of a session, beyond or before its lease of 30 s",
        unit: "ms",
        ours: Math.abs(beyond),
        goal: { at: "most", limit: 1000 },
      },
    ];
  } finally {
    await agent?.stop();
    await relay.close();
    await locking("best_effort");
  }
}
