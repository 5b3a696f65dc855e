/** Our tsh behind a balancer that ends TLS: the login notices, and everything goes through connection upgrades. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Balancer, startBalancer } from "../support/cluster/balancer.ts";
import { Cluster, password } from "../support/cluster.ts";

const target = "root@ip-172-31-35-170";

let cluster: Cluster;
let balancer: Balancer;

before(async () => {
  cluster = await Cluster.start();
  balancer = await startBalancer(cluster.port);
});

after(async () => {
  balancer?.close();
  await cluster?.close();
});

test("login, listing, a command, a copy and a device's enrollment go through the balancer", async () => {
  const machine = await cluster.machine("LAPTOP001");
  const person = await cluster.addUser("alice", ["access", "editor"]);
  const login = await machine.run(
    "tsh",
    ["login", `--proxy=localhost:${balancer.port}`, "--user=alice", "--insecure"],
    { stdin: `${password}\n${await person.codes.next()}\n` },
  );
  assert.equal(login.code, 0, login.stderr);
  const profile = readFileSync(join(machine.profile, "localhost.yaml"), "utf8");
  assert.match(profile, /^tls_routing_conn_upgrade_required: true$/m);
  assert.match(profile, new RegExp(`^web_proxy_addr: localhost:${balancer.port}$`, "m"));
  const listed = await machine.tsh("ls");
  assert.match(listed.stdout, /ip-172-31-35-170/, listed.stderr);
  const ran = await machine.tsh("ssh", target, "head -c 3000000 /dev/zero | wc -c");
  assert.equal(ran.stdout.trim(), "3000000", ran.stderr);
  const there = join(machine.folder, "copied");
  const copied = await machine.tsh("scp", "/bin/sh", `${target}:${there}`);
  assert.equal(copied.code, 0, copied.stderr);
  const same = await machine.tsh("ssh", target, `cmp /bin/sh ${there} && echo same`);
  assert.equal(same.stdout, "same\n", same.stderr);
  const enrolled = await machine.tsh("device", "enroll", "--current-device");
  assert.equal(enrolled.code, 0, enrolled.stderr);
  assert.ok(balancer.upgrades() >= 5, `${balancer.upgrades()} upgrades`);
});

test("without a balancer the profile says nothing of one", async () => {
  const machine = await cluster.machine("LAPTOP002");
  const person = await cluster.addUser("bob", ["access"]);
  assert.equal((await cluster.login(machine, person)).code, 0);
  const profile = readFileSync(join(machine.profile, "localhost.yaml"), "utf8");
  assert.doesNotMatch(profile, /conn_upgrade/);
});
