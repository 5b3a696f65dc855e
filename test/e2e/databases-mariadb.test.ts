/** MariaDB of Debian behind an agent, as people use it: the mariadb client, and what it reads when they may not. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { enroll, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";
import { databaseAgentConfig, databaseEvents, LocalEnd } from "../support/databases/cluster.ts";
import { MariadbServer } from "../support/databases/mariadb.ts";

let cluster: Cluster;
let server: MariadbServer;
let agent: AgentHost;
let alice: Machine;
const ends: LocalEnd[] = [];
const children: ChildProcess[] = [];

before(async () => {
  cluster = await Cluster.start();
  const files = join(cluster.folder, "server");
  await cluster.admin("auth", "sign", "--format=mysql", "--host=localhost", `--out=${files}`);
  server = await MariadbServer.start(files, [
    "CREATE DATABASE orders",
    "CREATE USER alice REQUIRE SUBJECT '/CN=alice'",
    "GRANT ALL ON orders.* TO alice",
    "CREATE USER bob REQUIRE SUBJECT '/CN=bob'",
  ]);
  await cluster.store(
    "kind: role\nversion: v7\nmetadata:\n  name: dba\nspec:\n  allow:\n    db_labels: {env: dev}\n    db_users: [alice]\n",
  );
  const uri = `localhost:${server.port}`;
  const config = await databaseAgentConfig(cluster, "agent-1", [
    { name: "shop", protocol: "mysql", uri, env: "dev" },
  ]);
  agent = new AgentHost(join(cluster.folder, "agent-1"), config);
  await agent.until(" ready ");
  const roles = ["access", "editor", "dba"];
  ({ machine: alice } = await logInAt(cluster, { serial: "LAPTOP001", name: "alice", roles }));
});

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const end of ends) await end.close();
  await agent?.stop();
  await server?.stop();
  await cluster?.close();
});

const query = (sql: string, ...flags: string[]) =>
  alice.tsh("db", "connect", "--db-name=orders", ...flags, "shop", "--", "-N", "-e", sql);

test("mariadb reaches the server as the database user, in the database that was named", async () => {
  const ran = await query("SELECT current_user(), database(), 6 * 7");
  assert.deepEqual([ran.stdout, ran.code], ["alice@%\torders\t42\n", 0], ran.stderr);
  const large = await query("SELECT REPEAT('x', 3000000)");
  assert.equal(large.stdout.length, 3_000_001, large.stderr);
});

test("who may not is told in an error packet, and tctl explains it", async () => {
  const ran = await query("SELECT 1", "--db-user=bob");
  assert.match(ran.stderr, /ERROR 1045 \(28000\): no role allows database user "bob" on shop/);
  const id = /tctl explain ([0-9a-f-]+)/.exec(ran.stderr)?.[1] ?? "";
  assert.match(await cluster.admin("explain", id), /allow\.db_users/);
});

test("what the server itself refuses is passed on", async () => {
  const ran = await query("SELECT 1", "--db-name=mysql");
  assert.match(ran.stderr, /the database server refuses: Access denied for user 'alice'/);
});

test("statements are in the audit log, prepared ones by their text", async () => {
  await query("PREPARE s FROM 'SELECT 1 + ?'; SET @a = 2; EXECUTE s USING @a");
  const texts = async (least: number) =>
    (await databaseEvents(cluster, "db.session.query", least)).map(({ db_query: text }) => text);
  for (let least = 1; ; ) {
    const seen = await texts(least);
    if (seen.some((text) => String(text).startsWith("EXECUTE s"))) break;
    least = seen.length + 1;
  }
});

test("a device that is demanded is demanded here, and a lock cuts a live query", async () => {
  await storeDeviceMode(cluster, "required");
  const refused = await query("SELECT 1");
  assert.match(refused.stderr, /access to resource requires a trusted device/);
  await enroll(alice);
  assert.equal((await query("SELECT 1")).stdout, "1\n");
  const end = await LocalEnd.open(alice, "--db-user=alice", "shop");
  ends.push(end);
  const place = [
    "--no-defaults",
    "--skip-ssl",
    "-h",
    "127.0.0.1",
    "-P",
    `${end.port}`,
    "-u",
    "alice",
  ];
  const child = spawn("mariadb", [...place, "-e", "SELECT SLEEP(60)"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const running = [
    "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'",
  ];
  while (server.admin(running) === "0") await new Promise((resolve) => setTimeout(resolve, 50));
  await cluster.admin("lock", "--user=alice", "--message=stolen");
  await ended;
  assert.match(said, /lock targeting User:"alice" is in force/);
});
