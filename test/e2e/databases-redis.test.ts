/** Redis of Debian with mutual TLS behind an agent, as people use it: redis-cli, and what it reads when they may not. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { enroll, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";
import { databaseAgentConfig, databaseEvents, LocalEnd } from "../support/databases/cluster.ts";
import { RedisServer } from "../support/databases/redis.ts";

let cluster: Cluster;
let server: RedisServer;
let agent: AgentHost;
let alice: Machine;
const ends: LocalEnd[] = [];
const children: ChildProcess[] = [];

before(async () => {
  cluster = await Cluster.start();
  const files = join(cluster.folder, "server");
  await cluster.admin("auth", "sign", "--format=redis", "--host=localhost", `--out=${files}`);
  server = await RedisServer.start(files, [
    "default off",
    "reader on nopass ~* &* +@read +@connection +@pubsub +@transaction +acl|whoami",
    "writer on nopass ~* &* +@all",
  ]);
  await cluster.store(
    "kind: role\nversion: v7\nmetadata:\n  name: cache\nspec:\n  allow:\n    db_labels: {env: dev}\n    db_users: [reader]\n",
  );
  const uri = `localhost:${server.port}`;
  const config = await databaseAgentConfig(cluster, "agent-1", [
    { name: "cache", protocol: "redis", uri, env: "dev" },
  ]);
  agent = new AgentHost(join(cluster.folder, "agent-1"), config);
  await agent.until(" ready ");
  const roles = ["access", "editor", "cache"];
  ({ machine: alice } = await logInAt(cluster, { serial: "LAPTOP001", name: "alice", roles }));
});

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const end of ends) await end.close();
  await agent?.stop();
  await server?.stop();
  await cluster?.close();
});

/** Runs commands of redis-cli, one per line. */
function redis(lines: readonly string[], ...flags: string[]) {
  const args = ["db", "connect", ...flags, "cache", "--", "--raw"];
  return alice.run("tsh", args, { stdin: `${lines.join("\n")}\n` });
}

test("redis-cli reaches the server as the database user", async () => {
  const ran = await redis(["ACL WHOAMI", "GET nothing", "SET a b"]);
  assert.equal(ran.code, 0, ran.shown);
  assert.match(ran.stdout, /^reader\n/);
  assert.match(ran.stdout, /NOPERM this user has no permissions to run the 'set' command/i);
});

test("a user that no role lists is refused in the words of Redis, and tctl explains it", async () => {
  const ran = await redis(["PING"], "--db-user=writer");
  assert.match(ran.shown, /NOPERM no role allows database user "writer" on cache/);
  const id = /tctl explain ([0-9a-f-]+)/.exec(ran.shown)?.[1] ?? "";
  assert.match(await cluster.admin("explain", id), /allow\.db_users/);
});

for (const command of ["AUTH writer x", "HELLO 3 AUTH writer x", "RESET", "auth writer x"]) {
  test(`${command} ends the session: it would change the user`, async () => {
    const ran = await redis([command, "ACL WHOAMI"]);
    assert.match(ran.shown, /NOPERM (AUTH|HELLO|RESET) would change the user of this session/i);
    assert.doesNotMatch(ran.stdout, /^writer$/m);
  });
}

test("every command is in the audit log", async () => {
  await redis(["GET audited-key"]);
  const has = (events: readonly Readonly<Record<string, unknown>>[]) =>
    events.some(({ db_query: text }) => text === "GET audited-key");
  for (let least = 1; ; ) {
    const events = await databaseEvents(cluster, "db.session.query", least);
    if (has(events)) break;
    least = events.length + 1;
  }
});

test("a device that is demanded is demanded here, and a lock cuts a subscription", async () => {
  await storeDeviceMode(cluster, "required");
  const refused = await redis(["PING"]);
  assert.match(refused.shown, /NOPERM access to resource requires a trusted device/);
  await enroll(alice);
  assert.match((await redis(["PING"])).stdout, /^PONG$/m);
  const end = await LocalEnd.open(alice, "--db-user=reader", "cache");
  ends.push(end);
  const child = spawn("redis-cli", ["-p", `${end.port}`, "SUBSCRIBE", "news"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  const says = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (said.includes(text)) resolve();
      };
      child.stdout.on("data", look);
      look();
    });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await says("news");
  await cluster.admin("lock", "--user=alice", "--message=stolen");
  await says('NOPERM lock targeting User:"alice" is in force');
});
