/** The server stops, cleanly or by a crash, and starts again: data, logins and devices are what they were. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertOpens, logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster, type Person } from "../support/cluster.ts";

let cluster: Cluster;
let machine: Machine;
let person: Person;

before(async () => {
  cluster = await Cluster.start();
  const roles = ["access", "editor", "require-trusted-device"];
  const alice = { serial: "LAPTOP001", name: "alice", roles, enroll: true };
  ({ machine, person } = await logInAt(cluster, alice));
});

after(() => cluster?.close());

/** What an administrator and a person see of the cluster. */
async function everything(): Promise<string> {
  const kinds = "roles,users,devices,cluster_auth_preference";
  return (await cluster.admin("get", kinds)) + (await machine.tsh("ls")).stdout;
}

test("Ctrl-C ends the server with 0, and the next start has everything", async () => {
  const was = await everything();
  assert.equal(await cluster.stopServer("SIGINT"), 0);
  await cluster.startServer();
  assert.doesNotMatch(cluster.welcome, /web\/invite/, "nobody is invited twice");
  assert.equal(await everything(), was);
  await assertOpens(machine, cluster.target);
});

test("a killed server loses nothing that was acknowledged", async () => {
  await cluster.store("kind: role\nversion: v7\nmetadata:\n  name: last-words\n");
  const was = await everything();
  await cluster.stopServer("SIGKILL");
  await cluster.startServer();
  assert.equal(await everything(), was);
  assert.match(was, /name: last-words/);
  await assertOpens(machine, cluster.target);
});

test("a one-time code that was spent before a crash is not good after it", async () => {
  const code = await person.codes.next();
  const args = ["login", `--proxy=${cluster.proxy}`, "--user=alice"];
  const stdin = `a long enough password\n${code}\n`;
  await machine.tsh("logout");
  assert.equal((await machine.run("tsh", args, { stdin })).code, 0);
  await machine.tsh("logout");
  await cluster.stopServer("SIGKILL");
  await cluster.startServer();
  const again = await machine.run("tsh", args, { stdin });
  assert.equal(again.code, 1, again.shown);
});

test("while the server is away, a command says so and how to go on", async () => {
  await cluster.stopServer();
  const ls = await machine.run("tsh", ["login", `--proxy=${cluster.proxy}`, "--user=alice"]);
  assert.equal(ls.code, 1);
  assert.match(ls.stderr, /^ERROR: .*localhost:\d+.*\n\nhint: .+\n$/);
  await cluster.startServer();
  assert.equal((await cluster.login(machine, person)).code, 0);
  await assertOpens(machine, cluster.target);
});
