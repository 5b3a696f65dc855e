/** Locks cut what is running and keep out what comes: by user, by device, and by a device that is unenrolled. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Machine } from "../support/cluster/machine.ts";
import type { Terminal } from "../support/cluster/terminal.ts";
import { Cluster, type Person } from "../support/cluster.ts";

const target = "root@ip-172-31-35-170";

let cluster: Cluster;
let machine: Machine;
let person: Person;

before(async () => {
  cluster = await Cluster.start();
  machine = await cluster.machine("LAPTOP001");
  person = await cluster.addUser("alice", ["access", "editor", "require-trusted-device"]);
  assert.equal((await cluster.login(machine, person)).code, 0);
  assert.equal((await machine.tsh("device", "enroll", "--current-device")).code, 0);
});

after(() => cluster?.close());

/** A shell that a person has open. */
async function openShell(): Promise<Terminal> {
  const shell = machine.open("tsh", "ssh", target);
  await shell.until(/# $/);
  return shell;
}

async function assertOut(what: RegExp): Promise<void> {
  const refused = await machine.tsh("ssh", target, "echo inside");
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, what);
}

async function assertIn(): Promise<void> {
  const opened = await machine.tsh("ssh", target, "echo inside");
  assert.deepEqual([opened.stdout, opened.code], ["inside\n", 0], opened.stderr);
}

async function assertCut(shell: Terminal, what: RegExp): Promise<void> {
  assert.notEqual(await shell.end(), 0, shell.screen);
  assert.match(shell.screen, what);
}

/** The id of the one lock that an administrator sees. */
function nameOf(created: string): string {
  return /Created a lock with name "([^"]+)"/.exec(created)?.[1] ?? assert.fail(created);
}

test("a lock on the user cuts the open shell, and keeps the user out until it is removed", async () => {
  const shell = await openShell();
  const name = nameOf(await cluster.admin("lock", "--user=alice", "--message=on leave"));
  await assertCut(shell, /lock targeting User:"alice" is in force: on leave/);
  await assertOut(/lock targeting User:"alice" is in force: on leave/);
  await cluster.admin("rm", `lock/${name}`);
  await assertIn();
});

test("a lock on the device cuts the open shell, whatever its key", async () => {
  const id = /name: (\S+)/.exec(await cluster.admin("get", "device/LAPTOP001"))?.[1];
  const shell = await openShell();
  const name = nameOf(await cluster.admin("lock", `--device=${id}`));
  await assertCut(shell, /lock targeting Device:"/);
  await assertOut(/lock targeting Device:"|access denied to root/);
  await cluster.admin("rm", `lock/${name}`);
  await assertIn();
});

test("a lock by asset tag, for a while, is listed with its end", async () => {
  const name = nameOf(
    await cluster.admin("devices", "lock", "--asset-tag=LAPTOP001", "--ttl=1h", "--message=lost"),
  );
  const lock = await cluster.admin("get", `lock/${name}`);
  assert.match(lock, /expires: "20/);
  assert.match(lock, /message: lost/);
  await assertOut(/lost|access denied/);
  await cluster.admin("rm", `lock/${name}`);
});

test("unenrolling the device cuts the open shell, and enrolling again opens the door", async () => {
  const shell = await openShell();
  const editor = cluster.host.script(
    "editor",
    '#!/bin/sh\nsed -i "s/enroll_status: enrolled/enroll_status: not_enrolled/" "$1"\n',
  );
  const edited = await cluster.tctl(["edit", "device/LAPTOP001"], "", { EDITOR: editor });
  assert.equal(edited.code, 0, edited.stderr);
  await assertCut(shell, /no longer enrolled/);
  await assertOut(/hint: enroll this device again with: tsh device enroll --current-device/);
  assert.equal((await machine.tsh("device", "enroll", "--current-device")).code, 0);
  await assertIn();
});

test("a policy that starts to demand a device cuts the sessions that have none", async () => {
  const other = await cluster.machine("OTHER0001", { tpm: false });
  const visitor = await cluster.addUser("bob", ["access"]);
  assert.equal((await cluster.login(other, visitor)).code, 0);
  const shell = other.open("tsh", "ssh", target);
  await shell.until(/# $/);
  await cluster.store(
    "kind: cluster_auth_preference\nversion: v2\nspec:\n  device_trust:\n    mode: required\n",
  );
  await assertCut(shell, /unauthorized device|trusted device/);
  await assertIn();
});
