/**
 * tsh as processes: the agent that starts by itself, and the real OpenSSH through `tsh config` and `tsh proxy ssh`. The
 * cluster is the fake of test/support/client; OpenSSH is real.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AgentAccess, isAgentRunning, stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { saveLogin } from "#client/profile/store.ts";
import { clusterName, nodeName, startFakeCluster } from "../support/client/fake-cluster.ts";

const main = new URL("../../src/tsh/main.ts", import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function start(context: TestContext, extra: Record<string, string> = {}) {
  const cluster = await startFakeCluster();
  const home = mkdtempSync(join(tmpdir(), "tsh-home-"));
  const folder = join(home, ".tsh");
  const login = await saveLogin(
    folder,
    cluster.document,
    cluster.credentials(),
    cluster.authorities,
  );
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: home,
    USER: "alice",
    TELEPORT_HOME: folder,
    XDG_RUNTIME_DIR: home,
    // An agent that a test leaves behind ends by itself.
    GATEHOUSE_AGENT_IDLE: "10s",
    ...extra,
  };
  const place = agentPlace(folder, env);
  context.after(async () => {
    await stopAgent(place);
    await cluster.close();
    rmSync(home, { recursive: true, force: true });
  });
  const run = (program: string, words: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(program, [...words], { env, cwd: home }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      });
      child.stdin?.end();
    });
  const tsh = (...words: string[]) => run(process.execPath, [main, ...words]);
  return { cluster, home, folder, login, place, run, tsh };
}

/** Waits for the agent that a command left behind to answer. */
async function agentRuns(place: Parameters<typeof isAgentRunning>[0]): Promise<void> {
  while (!(await isAgentRunning(place))) await new Promise((resolve) => setImmediate(resolve));
}

test("the first command leaves an agent behind, the next ones go through it, and logout ends it", async (context) => {
  const { tsh, place, cluster } = await start(context);
  const cold = await tsh("ls");
  assert.equal(cold.code, 0, cold.stderr);
  await agentRuns(place);
  const warm = await tsh("ls");
  assert.deepEqual(warm, cold);
  const ran = await tsh("ssh", `root@${nodeName}`, "echo", "through the agent");
  assert.deepEqual(ran, { code: 0, stdout: "through the agent\n", stderr: "" });
  const denied = await tsh("ssh", `nobody@${nodeName}`, "true");
  assert.match(denied.stderr, /^ERROR: access denied to nobody connecting to /);
  const missing = await tsh("ssh", "root@nonode", "true");
  assert.match(missing.stderr, /^ERROR: failed connecting to host nonode:0: /);
  assert.ok(cluster.calls.includes(`tunnel root@${nodeName}:0`));
  const out = await tsh("logout");
  assert.equal(out.code, 0, out.stderr);
  assert.equal(await isAgentRunning(place), false);
});

test("without an agent every command works the same", async (context) => {
  const { tsh, place } = await start(context, { GATEHOUSE_AGENT: "off" });
  const ran = await tsh("ssh", `root@${nodeName}`, "exit 3");
  assert.deepEqual(ran, { code: 3, stdout: "", stderr: "ERROR: Process exited with status 3\n\n" });
  assert.equal(await isAgentRunning(place), false);
});

test("two commands that start an agent at once get one", async (context) => {
  const { tsh, place, login } = await start(context);
  await Promise.all([tsh("ls"), tsh("ls"), tsh("ls")]);
  await agentRuns(place);
  const access = new AgentAccess(place, login.key.host);
  assert.deepEqual(await access.device(), { assetTag: undefined, problem: undefined });
});

test("a login that replaces another is used by a running agent at once", async (context) => {
  const { tsh, place, folder, cluster, login } = await start(context);
  await tsh("ls");
  await agentRuns(place);
  const other = await startFakeCluster();
  context.after(() => other.close());
  await saveLogin(folder, other.document, other.credentials(), other.authorities);
  const before = cluster.calls.length;
  const nodes = await new AgentAccess(place, login.key.host).listNodes({
    labels: {},
    predicate: "",
    search: [],
  });
  assert.equal(nodes.length, 2);
  assert.equal(cluster.calls.length, before);
  assert.ok(other.calls.includes("ListUnifiedResources"));
});

test("OpenSSH, scp and sftp reach the node through tsh config", async (context) => {
  const { tsh, run, home, cluster } = await start(context);
  const config = join(home, "ssh_config");
  const printed = await tsh("config");
  assert.equal(printed.code, 0, printed.stderr);
  // A process that runs from its sources has no launcher script: the configuration names Node and the file.
  assert.match(printed.stdout, /ProxyCommand "[^"]+node[^"]*" "[^"]+main\.ts" proxy ssh /);
  writeFileSync(config, printed.stdout);
  const host = `root@${nodeName}.${clusterName}`;
  const options = ["-F", config, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"];
  const ran = await run("ssh", [...options, host, "echo $((6 * 7)); exit 5"]);
  assert.deepEqual([ran.code, ran.stdout], [5, "42\n"], ran.stderr);
  const file = join(home, "file");
  writeFileSync(file, "carried by scp");
  const copied = await run("scp", [...options, file, `${host}:${home}/copied`]);
  assert.equal(copied.code, 0, copied.stderr);
  assert.equal(readFileSync(join(home, "copied"), "utf8"), "carried by scp");
  const denied = await run("ssh", [...options, `nobody@${nodeName}.${clusterName}`, "true"]);
  assert.equal(denied.code, 255);
  assert.match(denied.stderr, /Permission denied/);
  assert.ok(cluster.calls.includes(`dial ${nodeName}:0`));
});
