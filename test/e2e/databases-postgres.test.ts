/**
 * PostgreSQL of Debian behind an agent in a process of its own, as people use it: psql, pgbench, and what they read when
 * they may not.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { enroll, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";
import { databaseAgentConfig, databaseEvents, LocalEnd } from "../support/databases/cluster.ts";
import { PostgresServer } from "../support/databases/postgres.ts";

let cluster: Cluster;
let server: PostgresServer;
let agent: AgentHost;
let alice: Machine;
const ends: LocalEnd[] = [];
const children: ChildProcess[] = [];

const role = (name: string, allow: string, options = "") =>
  `kind: role\nversion: v7\nmetadata:\n  name: ${name}\nspec:\n  options: {${options}}\n  allow:\n    db_labels: {env: dev}\n    ${allow}\n`;

const lists = "db_users: [alice]\n    db_names: [orders]\n    db_roles: [auditors]";

async function startAgent(name: string): Promise<AgentHost> {
  const databases = [
    { name: "orders-db", protocol: "postgres", uri: `localhost:${server.port}`, env: "dev" },
  ];
  const host = new AgentHost(
    join(cluster.folder, name),
    await databaseAgentConfig(cluster, name, databases),
  );
  await host.until(" ready ");
  return host;
}

before(async () => {
  cluster = await Cluster.start();
  const files = join(cluster.folder, "server");
  const signed = await cluster.admin(
    ...["auth", "sign", "--format=db", "--host=localhost", `--out=${files}`],
  );
  assert.match(signed, /^ssl_ca_file = /m);
  server = await PostgresServer.start(files, [
    "CREATE USER alice",
    "CREATE USER bob",
    "CREATE DATABASE orders",
    "CREATE ROLE auditors NOLOGIN",
    "GRANT auditors TO alice",
  ]);
  await cluster.store(role("dba", lists));
  agent = await startAgent("agent-1");
  ({ machine: alice } = await logInAt(cluster, {
    serial: "LAPTOP001",
    name: "alice",
    roles: ["access", "editor", "dba"],
  }));
});

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const end of ends) await end.close();
  await agent?.stop();
  await server?.stop();
  await cluster?.close();
});

const sleeping = "FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'";

/** A query that runs for a minute, once the server runs it. */
async function longQuery(end: LocalEnd): Promise<{ child: ChildProcess; said: Promise<string> }> {
  const place = ["-h", "127.0.0.1", "-p", `${end.port}`, "-U", "alice"];
  const child = spawn("psql", [...place, "-Atqc", "SELECT pg_sleep(60)", "orders"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  const said = textOf(child);
  while (server.admin([`SELECT count(*) ${sleeping}`]) !== "1") await pause();
  return { child, said };
}

/** The posture rule of the cluster, or none, beside the mode that the tests before it have set. */
function storeRule(...rules: readonly string[]): Promise<void> {
  const posture = JSON.stringify(rules);
  return cluster.store(
    `kind: cluster_auth_preference\nversion: v2\nspec: {device_trust: {mode: required, posture: ${posture}}}\n`,
  );
}

async function openEnd(): Promise<LocalEnd> {
  const end = await LocalEnd.open(alice, "orders-db");
  ends.push(end);
  return end;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

const psql = (sql: string, ...flags: string[]) =>
  alice.tsh("db", "connect", ...flags, "orders-db", "--", "-Atqc", sql);

test("what roles let a person see is listed, and chosen once", async () => {
  const listed = await alice.tsh("db", "ls");
  assert.match(listed.stdout, /^orders-db +\[alice\] +env=dev +tsh db connect orders-db/m);
  const login = await alice.tsh("db", "login", "--db-user=alice", "--db-name=orders", "orders-db");
  assert.match(login.stdout, /^Connection information for database "orders-db" has been saved\.$/m);
  assert.match((await alice.tsh("db", "ls")).stdout, /^> orders-db /m);
  const environment = await alice.tsh("db", "env", "--port=6000", "orders-db");
  assert.match(environment.stdout, /^export PGPORT=6000\nexport PGUSER=alice$/m);
});

test("psql reaches the server as the database user, by a certificate of this connection", async () => {
  const ran = await psql(
    "SELECT current_user, (SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid())",
  );
  assert.deepEqual([ran.stdout, ran.code], ["alice|/CN=alice\n", 0], ran.stderr);
  assert.equal((await psql("\\q", "--db-user=alice")).code, 0);
});

test("a session in a database role begins in it, and only in those that roles list", async () => {
  const ran = await psql("SELECT current_user", "--db-roles=auditors");
  assert.deepEqual([ran.stdout, ran.code], ["auditors\n", 0], ran.stderr);
  const refused = await psql("SELECT 1", "--db-roles=postgres");
  assert.match(refused.stderr, /FATAL: {2}no role allows database role "postgres" on orders-db/);
  const asked = await alice.run("tsh", ["db", "connect", "orders-db", "--", "-Atqc", "SELECT 1"], {
    env: { PGOPTIONS: "-c role=postgres" },
  });
  assert.match(asked.shown, /FATAL: {2}the client itself asks for a role at the start/);
});

test("every statement is in the audit log: simple, prepared, and by pgbench", async () => {
  await psql("SELECT 'simple ' || 1");
  const end = await openEnd();
  const script = join(cluster.folder, "script.sql");
  writeFileSync(script, "SELECT 'prepared ' || 2;\n");
  const bench = await alice.run("pgbench", [
    ...["-n", "-M", "prepared", "-f", script, "-t", "3", "-h", "127.0.0.1", "-p", `${end.port}`],
    ...["-U", "alice", "orders"],
  ]);
  await end.close();
  assert.equal(bench.code, 0, bench.shown);
  const queries = await databaseEvents(cluster, "db.session.query", 7);
  const texts = queries.map(({ db_query: text }) => text);
  assert.ok(texts.includes("SELECT 'simple ' || 1"), texts.join("\n"));
  const prepared = texts.filter((text) => /'prepared '/.test(String(text)));
  const run = "SELECT 'prepared ' || 2;";
  assert.deepEqual(prepared, [`(preparation of) ${run}`, run, run, run]);
  const [first] = await databaseEvents(cluster, "db.session.start", 1);
  assert.equal(first?.["db_service"], "orders-db");
  const [end1] = await databaseEvents(cluster, "db.session.end", 1);
  assert.ok(end1?.["session_stop"]);
});

test("who may not is told in the words of PostgreSQL, and tctl explains it", async () => {
  const user = await psql("SELECT 1", "--db-user=bob");
  assert.match(user.stderr, /FATAL: {2}no role allows database user "bob" on orders-db/);
  const name = await psql("SELECT 1", "--db-name=postgres");
  assert.match(name.stderr, /FATAL: {2}no role allows database name "postgres" on orders-db/);
  const id = /tctl explain (\S+)/.exec(name.stderr)?.[1] ?? "";
  assert.match(await cluster.admin("explain", id), /allow\.db_names/);
  const unknown = await alice.tsh("db", "connect", "--db-user=alice", "nothing");
  assert.match(unknown.stderr, /^ERROR: database "nothing" not found\n/);
});

test("what the server itself refuses is passed on", async () => {
  await cluster.store(role("anybody", "db_users: ['*']\n    db_names: ['*']"));
  await cluster.admin("users", "update", "alice", "--set-roles=access,editor,dba,anybody");
  const ran = await psql("SELECT 1", "--db-user=nobody-there");
  assert.match(ran.stderr, /FATAL: {2}the database server refuses: .*nobody-there/);
  await cluster.admin("users", "update", "alice", "--set-roles=access,editor,dba");
});

test("a database that an administrator adds is served at once, and gone when it is removed", async () => {
  await cluster.store(
    `kind: db\nversion: v3\nmetadata:\n  name: added\n  labels: {env: dev, served: here}\nspec:\n  protocol: postgres\n  uri: localhost:${server.port}\n`,
  );
  const names = async () => (await alice.tsh("db", "ls", "--format=json")).stdout;
  while (!(await names()).includes('"added"')) await pause();
  const ran = await alice.tsh(
    ...["db", "connect", "--db-user=alice", "--db-name=orders", "added", "--", "-Atqc", "SELECT 1"],
  );
  assert.deepEqual([ran.stdout, ran.code], ["1\n", 0], ran.stderr);
  await cluster.admin("rm", "db/added");
  while ((await names()).includes('"added"')) await pause();
});

test("a role keeps the text of statements out of the audit log, not that there was one", async () => {
  await cluster.store(role("dba", lists, "db_audit: {omit_query_text: true}"));
  const before = (await databaseEvents(cluster, "db.session.query", 0)).length;
  assert.equal((await psql("SELECT 'nobody knows'")).code, 0);
  const [first] = (await databaseEvents(cluster, "db.session.query", before + 1)).slice(before);
  assert.equal(first?.["db_query"], "");
  await cluster.store(role("dba", lists));
});

test("Ctrl-C ends a query, by a key of ours; a key that we did not make ends nothing", async () => {
  const end = await openEnd();
  const { child, said } = await longQuery(end);
  const running = () => server.admin([`SELECT count(*) ${sleeping}`]);
  const serverPid = Number(server.admin([`SELECT pid ${sleeping}`]));
  const forged = Buffer.alloc(16);
  forged.writeUInt32BE(16, 0);
  forged.writeUInt32BE(80_877_102, 4);
  forged.writeUInt32BE(serverPid, 8);
  await new Promise<void>((resolve) => {
    const socket = connectTcp(end.port, "127.0.0.1", () => socket.end(forged));
    socket.once("close", () => resolve());
    socket.resume();
  });
  assert.equal(running(), "1");
  child.kill("SIGINT");
  assert.match(await said, /canceling statement due to user request/);
  await end.close();
});

test("a dead agent is skipped while another serves the same database", async () => {
  const second = await startAgent("agent-2");
  for (let i = 0; i < 3; i++) assert.equal((await psql("SELECT 1")).code, 0);
  await second.stop("SIGKILL");
  for (let i = 0; i < 3; i++) {
    const ran = await psql("SELECT 1");
    assert.equal(ran.code, 0, ran.stderr);
  }
});

test("a device that is demanded by cluster or role is demanded here, and a lock cuts a live query", async () => {
  await storeDeviceMode(cluster, "required");
  const refused = await psql("SELECT 1");
  assert.match(refused.stderr, /FATAL: {2}access to resource requires a trusted device/);
  assert.match(refused.stderr, /tsh device enroll --current-device/);
  await enroll(alice);
  const trusted = await psql("SELECT 1");
  assert.deepEqual([trusted.stdout, trusted.code], ["1\n", 0], trusted.stderr);
  const end = await openEnd();
  const { said } = await longQuery(end);
  await cluster.admin("lock", "--user=alice", "--message=stolen", "--ttl=5s");
  assert.match(await said, /FATAL: {2}lock targeting User:"alice" is in force/);
  while (server.admin([`SELECT count(*) ${sleeping}`]) !== "0") await pause();
  await end.close();
  while ((await psql("SELECT 1")).code !== 0)
    await new Promise((resolve) => setTimeout(resolve, 500));
});

test("a posture rule is asked here, too: with what is known of the device, and while a query lives", async () => {
  await storeRule("device.owner == user.metadata.name");
  assert.equal((await psql("SELECT 1")).stdout, "1\n");
  const { said } = await longQuery(await openEnd());
  await storeRule('device.owner == "somebody else"');
  assert.match(await said, /the device does not meet a posture rule/);
  const refused = await psql("SELECT 1");
  assert.match(refused.stderr, /the device does not meet a posture rule: device\.owner ==/);
  await storeRule();
});

test("the stored certificate names no device and opens nothing else", async () => {
  const folder = join(alice.profile, "keys", "localhost", "alice-db");
  const cluster1 = readdirSync(folder)[0] ?? "";
  const read = (ending: string) =>
    readFileSync(join(folder, cluster1, `orders-db.${ending}`), "utf8");
  const identity = { cert: read("crt"), key: read("key") };
  const refused = await new Promise<string>((resolve) => {
    const socket = connectTls({
      ...{ host: "localhost", port: cluster.port, ...identity, rejectUnauthorized: false },
      ALPNProtocols: ["teleport-postgres"],
    });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.once("close", () => resolve(text));
    const startup = Buffer.from("\0\x03\0\0user\0alice\0database\0orders\0\0", "latin1");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(startup.length + 4);
    socket.write(Buffer.concat([length, startup]));
  });
  assert.match(refused, /access to resource requires a trusted device/);
  const ssh = await new Promise<string>((resolve) => {
    const socket = connectTls({
      ...{ host: "localhost", port: cluster.port, ...identity, rejectUnauthorized: false },
      ALPNProtocols: ["gatehouse-tunnel"],
    });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.once("close", () => resolve(text));
    const opening = Buffer.from(
      JSON.stringify({ target: `${cluster.nodename}:0`, login: "root", cluster: "" }),
    );
    const length = Buffer.alloc(2);
    length.writeUInt16BE(opening.length);
    socket.write(Buffer.concat([length, opening]));
  });
  assert.match(ssh, /the certificate is not meant for this use/);
});

test("a server that goes away in the middle of a query is told as such", async () => {
  const end = await openEnd();
  const { said } = await longQuery(end);
  await server.stop("SIGQUIT");
  assert.match(await said, /terminating connection|the database server closed the connection/);
  const refused = await psql("SELECT 1");
  assert.match(refused.stderr, /FATAL: {2}the database server at localhost:\d+ does not answer/);
  await end.close();
});

function textOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve) => child.once("close", () => resolve(text)));
}
