/**
 * A server that is cut off from auth, and still reached through its tunnel: a lock could pass it by, so after its lease it
 * lets nobody in any more, and where the cluster locks strictly, what is open ends.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type AgentHost, joinThrough } from "../support/cluster/agent-host.ts";
import { AuthCut } from "../support/cluster/auth-cut.ts";
import { assertOpens, logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import type { Terminal } from "../support/cluster/terminal.ts";
import { Cluster } from "../support/cluster.ts";

/** The lease is 30 s. */
const patienceMs = 60_000;
const target = "root@agent-1";
const outdated = /the rules of the cluster are outdated/;

let cluster: Cluster;
let machine: Machine;
let relay: AuthCut;
let agent: AgentHost;

before(async () => {
  cluster = await Cluster.start();
  const alice = { serial: "LAPTOP001", name: "alice", roles: ["access"], tpm: false };
  ({ machine } = await logInAt(cluster, alice));
  relay = await AuthCut.start(cluster.port);
  agent = await joinThrough(cluster, "agent-1", relay.port);
  await agent.until(" ready ");
  await agent.until("the tunnel to the proxy is open");
});

after(async () => {
  await agent?.stop();
  await relay?.close();
  await cluster?.close();
});

async function openShell(): Promise<Terminal> {
  const shell = machine.open("tsh", "ssh", target);
  await shell.until(/# $/);
  return shell;
}

async function setLocking(mode: string): Promise<void> {
  await cluster.store(
    `kind: cluster_auth_preference\nversion: v2\nspec:\n  locking_mode: ${mode}\n`,
  );
}

async function assertOut(): Promise<void> {
  const refused = await machine.tsh("ssh", target, "echo inside");
  assert.deepEqual([refused.code, refused.stdout], [1, ""], refused.stderr);
}

test("with strict locking the open shell ends with the lease, and nobody comes in until auth is heard again", async () => {
  await setLocking("strict");
  const shell = await openShell();
  relay.cut();
  assert.notEqual(await shell.end(patienceMs), 0, shell.screen);
  assert.match(shell.screen, outdated);
  await assertOut();
  relay.heal();
  await agent.until("the tunnel to the proxy is open");
  await assertComesBack();
});

test("with best-effort locking the open shell goes on, and nobody else comes in", async () => {
  await setLocking("best_effort");
  const shell = await openShell();
  relay.cut();
  await agent.until("the rules of the cluster are outdated", agent.log.length, patienceMs);
  await assertOut();
  shell.type("echo still''here\r");
  await shell.until(/stillhere/);
  relay.heal();
  await assertComesBack();
  await shell.kill();
});

async function assertComesBack(): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    if ((await machine.tsh("ssh", target, "true")).code === 0) break;
  }
  await assertOpens(machine, target);
}
