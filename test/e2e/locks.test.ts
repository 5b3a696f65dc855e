/** Locks cut what is running and keep out what comes: by user, by device, and by a device that is unenrolled. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertOpens, enroll, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import type { Terminal } from "../support/cluster/terminal.ts";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.start();
});

after(() => cluster?.close());

/** Somebody who may enter with their device only, and has entered. Each test has its own person and machine. */
async function enter(name: string, serial: string) {
  const roles = ["access", "editor", "require-trusted-device"];
  const { machine } = await logInAt(cluster, { serial, name, roles, enroll: true });
  return { machine, shell: await openShell(machine) };
}

/** A shell that a person has open. */
async function openShell(machine: Machine): Promise<Terminal> {
  const shell = machine.open("tsh", "ssh", cluster.target);
  await shell.until(/# $/);
  return shell;
}

async function assertOut(machine: Machine, what: RegExp): Promise<void> {
  const refused = await machine.tsh("ssh", cluster.target, "echo inside");
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, what);
}

async function assertCut(shell: Terminal, what: RegExp): Promise<void> {
  assert.notEqual(await shell.end(), 0, shell.screen);
  assert.match(shell.screen, what);
}

/** The id of the lock that a command has made. */
function nameOf(created: string): string {
  return /Created a lock with name "([^"]+)"/.exec(created)?.[1] ?? assert.fail(created);
}

test("a lock on a role, and one on an account, cuts the open shell, and the person can ask why", async () => {
  const targets = [
    ["--role=access", /lock targeting Role:"access" is in force/],
    ["--login=root", /lock targeting Login:"root" is in force/],
  ] as const;
  const { machine } = await enter("grace", "LAPTOP006");
  for (const [flag, told] of targets) {
    const shell = await openShell(machine);
    const name = nameOf(await cluster.admin("lock", flag, "--message=exercise", "--ttl=10m"));
    await assertCut(shell, told);
    assert.match(shell.screen, /: exercise\n/);
    // The person reads an id, and may ask for the whole reason.
    const id = /the whole reason: tctl explain (\S+)/.exec(shell.screen)?.[1] ?? "";
    assert.match(await cluster.admin("explain", id), new RegExp(`Lock: +${name} `));
    await assertOut(machine, told);
    const [listed] = JSON.parse(await cluster.admin("locks", "ls", "--format=json"));
    assert.deepEqual([listed.id, listed.message, listed.in_force], [name, "exercise", true]);
    await cluster.admin("locks", "rm", name);
    await assertOpens(machine, cluster.target);
  }
});

test("deleting a device cuts the open shell, and a machine that is registered anew may enrol again", async () => {
  const { machine, shell } = await enter("heidi", "LAPTOP007");
  await cluster.admin("devices", "rm", "--asset-tag=LAPTOP007");
  await assertCut(shell, /no longer enrolled/);
  await assertOut(machine, /no longer enrolled|access denied/);
  await enroll(machine);
  await assertOpens(machine, cluster.target);
});

test("a lock on the user cuts the open shell, and keeps the user out until it is removed", async () => {
  const { machine, shell } = await enter("alice", "LAPTOP001");
  const name = nameOf(await cluster.admin("lock", "--user=alice", "--message=on leave"));
  await assertCut(shell, /lock targeting User:"alice" is in force: on leave/);
  await assertOut(machine, /lock targeting User:"alice" is in force: on leave/);
  await cluster.admin("rm", `lock/${name}`);
  await assertOpens(machine, cluster.target);
});

test("a lock on the device cuts the open shell, whatever its key", async () => {
  const { machine, shell } = await enter("bob", "LAPTOP002");
  const id = /name: (\S+)/.exec(await cluster.admin("get", "device/LAPTOP002"))?.[1];
  const name = nameOf(await cluster.admin("lock", `--device=${id}`));
  await assertCut(shell, /lock targeting Device:"/);
  await assertOut(machine, /lock targeting Device:"|access denied to root/);
  await cluster.admin("rm", `lock/${name}`);
  await assertOpens(machine, cluster.target);
});

test("a lock by asset tag, for a while, is listed with its end", async () => {
  const { machine } = await enter("carol", "LAPTOP003");
  const name = nameOf(
    await cluster.admin("devices", "lock", "--asset-tag=LAPTOP003", "--ttl=1h", "--message=lost"),
  );
  const lock = await cluster.admin("get", `lock/${name}`);
  assert.match(lock, /expires: "20/);
  assert.match(lock, /message: lost/);
  await assertOut(machine, /lost|access denied/);
});

test("unenrolling the device cuts the open shell, and enrolling again opens the door", async () => {
  const { machine, shell } = await enter("dave", "LAPTOP004");
  const editor = cluster.host.script(
    "editor",
    '#!/bin/sh\nsed -i "s/enroll_status: enrolled/enroll_status: not_enrolled/" "$1"\n',
  );
  const edited = await cluster.tctl(["edit", "device/LAPTOP004"], "", { EDITOR: editor });
  assert.equal(edited.code, 0, edited.stderr);
  await assertCut(shell, /no longer enrolled/);
  await assertOut(
    machine,
    /hint: enroll this device again with: tsh device enroll --current-device/,
  );
  await enroll(machine);
  await assertOpens(machine, cluster.target);
});

test("a policy that starts to demand a device cuts the sessions that have none, and no others", async (t) => {
  const trusted = await enter("erin", "LAPTOP005");
  const visitor = { serial: "OTHER0001", name: "frank", roles: ["access"], tpm: false };
  const { machine } = await logInAt(cluster, visitor);
  const shell = await openShell(machine);
  t.after(() => storeDeviceMode(cluster, "optional"));
  await storeDeviceMode(cluster, "required");
  await assertCut(shell, /unauthorized device|trusted device/);
  trusted.shell.type("echo still''here\r");
  await trusted.shell.until(/stillhere/);
  await assertOpens(trusted.machine, cluster.target);
});
