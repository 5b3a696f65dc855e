/** A server in a process of its own: it joins with a token, is reached through its tunnel only, and comes back. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { assertOpens, enroll, logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";

const tunnelOpen = "the tunnel to the proxy is open";

let cluster: Cluster;
let machine: Machine;
let agent: AgentHost;

before(async () => {
  cluster = await Cluster.start();
  const alice = { serial: "LAPTOP001", name: "alice", roles: ["access", "editor"] };
  ({ machine } = await logInAt(cluster, alice));
});

after(async () => {
  await agent?.stop();
  await cluster?.close();
});

/** The configuration that `tctl tokens add` prints, with a name and a folder of this test. */
async function printedConfig(name: string): Promise<string> {
  const printed = await cluster.admin("tokens", "add", "--type=node");
  const start = printed.indexOf("version: v3");
  const config = printed.slice(start, printed.indexOf("\nThen run there", start));
  return config.replace(
    "teleport:\n",
    `teleport:\n  nodename: ${name}\n  data_dir: ${join(cluster.folder, name)}\n`,
  );
}

test("the configuration that tctl prints makes a server join, and it is reached through its tunnel", async () => {
  agent = new AgentHost(join(cluster.folder, "agent-1"), await printedConfig("agent-1"));
  await agent.until(" ready ");
  const list = (await machine.tsh("ls")).stdout;
  assert.match(list, /^agent-1 +⟵ Tunnel/m);
  await assertOpens(machine, "root@agent-1");
});

test("the server finds a proxy that was killed and started again", async () => {
  const before = agent.log.length;
  await cluster.stopServer("SIGKILL");
  await agent.until("the tunnel to the proxy is gone", before);
  const refused = await machine.tsh("ssh", "root@agent-1", "true");
  assert.equal(refused.code, 1);
  await cluster.startServer();
  await agent.until(tunnelOpen, before);
  await assertOpens(machine, "root@agent-1");
});

test("a lock on the server, by its name, cuts what is open there and nowhere else", async () => {
  const shell = machine.open("tsh", "ssh", "root@agent-1");
  await shell.until(/# $/);
  const created = await cluster.admin("lock", "--node=agent-1", "--message=searched");
  assert.notEqual(await shell.end(), 0, shell.screen);
  assert.match(shell.screen, /lock targeting ServerID:"[0-9a-f-]{36}" is in force: searched/);
  const refused = await machine.tsh("ssh", "root@agent-1", "true");
  assert.equal(refused.code, 1);
  await assertOpens(machine, cluster.target);
  await cluster.admin("locks", "rm", /"([0-9a-f-]{36})"/.exec(created)?.[1] ?? "");
  await agent.until(tunnelOpen, agent.log.lastIndexOf("the tunnel to the proxy is gone"));
  await assertOpens(machine, "root@agent-1");
});

test("role modes hold on a server that decides by itself", async () => {
  const editor = cluster.host.script(
    "editor",
    "#!/bin/sh\nsed -i 's/^  options:$/&\\n    device_trust_mode: required/' \"$1\"\n",
  );
  const edited = await cluster.tctl(["edit", "role/access"], "", { EDITOR: editor });
  assert.equal(edited.code, 0, edited.stderr);
  const refused = await machine.tsh("ssh", "root@agent-1", "true");
  assert.match(refused.stderr, /^ERROR: access denied to root connecting to agent-1:0\n/);
  await enroll(machine);
  await assertOpens(machine, "root@agent-1");
});

test("a server that restarts comes back without a token, as the same server", async () => {
  const ids = async () => (await cluster.admin("get", "nodes")).match(/name: \S+/g)?.sort();
  const was = await ids();
  assert.ok(was);
  assert.equal(await agent.stop(), 0);
  const config = (await printedConfig("agent-1")).replace(/^ *(auth_token|ca_pin):.*\n/gm, "");
  agent = new AgentHost(join(cluster.folder, "agent-1"), config);
  await agent.until(" ready ");
  assert.deepEqual(await ids(), was);
  await assertOpens(machine, "root@agent-1");
});

test("a token that does not exist, and a pin of another cluster, keep a server out", async () => {
  const good = await printedConfig("agent-2");
  const wrong = {
    token: good.replace(/auth_token: \S+/, "auth_token: 00000000000000000000000000000000"),
    pin: good.replace(/ca_pin: \S+/, `ca_pin: sha256:${"0".repeat(64)}`),
  };
  for (const [what, config] of Object.entries(wrong)) {
    const stranger = new AgentHost(join(cluster.folder, `stranger-${what}`), config);
    assert.equal(await stranger.end(), 1, what);
    assert.match(stranger.log, /^ERROR: .*(token|pin)/m, what);
    assert.match(stranger.log, /^hint: /m, what);
  }
});
