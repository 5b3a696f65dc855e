/** An administrator raises an alert; people read it when they log in, until somebody acknowledges it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cluster } from "../support/cluster.ts";

const text = "the cluster rests on Sunday";

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.start();
});

after(() => cluster?.close());

test("a login shows the alert, and is quiet once it is acknowledged", async () => {
  const machine = await cluster.machine("LAPTOP001", { tpm: false });
  const person = await cluster.addUser("alice", ["access"]);
  const created = await cluster.admin("alerts", "create", "--severity=high", text);
  const id = /"([^"]+)"/.exec(created)?.[1] ?? assert.fail(created);
  assert.match(await cluster.admin("alerts", "ls"), new RegExp(`${id} +HIGH +24h0m0s +"${text}"`));
  const told = await cluster.login(machine, person);
  assert.equal(told.code, 0, told.stderr);
  assert.ok(told.stderr.includes(text), told.stderr);
  await cluster.admin("alerts", "ack", id, "--reason=known");
  await machine.tsh("logout");
  const quiet = await cluster.login(machine, person);
  assert.equal(quiet.code, 0, quiet.stderr);
  assert.ok(!quiet.shown.includes(text), quiet.shown);
});
