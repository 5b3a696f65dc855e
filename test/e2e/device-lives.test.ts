/**
 * What happens to a device in its life, each story with real programs and real virtual TPMs: cleared, disk cloned,
 * reinstalled, given away, a serial number that two machines have, a virtual machine that is cloned or put back to a
 * snapshot. Each ends safely, and the person reads what to do. Alice is no administrator; nothing enrolls by itself.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertOpens } from "../support/cluster/login.ts";
import type { Machine, Ran } from "../support/cluster/machine.ts";
import { startFrom, takeSnapshot } from "../support/cluster/snapshots.ts";
import { Cluster, type Person } from "../support/cluster.ts";
import { withTpm } from "../support/real-tpm-key.ts";
import { copyTpmState, startTpm } from "../support/swtpm.ts";
import { clearTpm } from "../support/tpm-provisioning.ts";

const roles = ["access", "device-enroll", "require-trusted-device"];

let cluster: Cluster;
let alice: Person;
let bob: Person;

before(async () => {
  cluster = await Cluster.start();
  alice = await cluster.addUser("alice", roles);
  bob = await cluster.addUser("bob", roles);
});

after(() => cluster?.close());

/** An administrator approves: a token for the device, registered before or now. */
async function approve(tag: string): Promise<string> {
  const known = (await cluster.admin("devices", "ls")).includes(`${tag} `);
  const words = known ? ["enroll"] : ["add", "--os=linux", "--enroll"];
  const printed = await cluster.admin("devices", ...words, `--asset-tag=${tag}`);
  return /^The enrollment token: (\S+)$/m.exec(printed)?.[1] ?? assert.fail(printed);
}

function enrollWith(machine: Machine, token: string): Promise<Ran> {
  return machine.tsh("device", "enroll", `--token=${token}`);
}

/** Approves and enrolls; it must succeed. */
async function enrollApproved(machine: Machine): Promise<void> {
  const ran = await enrollWith(machine, await approve(machine.serial));
  assert.equal(ran.code, 0, ran.shown);
  assert.doesNotMatch(ran.stderr, /WARNING: the login/, "the login carries the device");
}

/** The person logs in anew, so that the device is asked; gives what the login said. */
async function logInAgain(machine: Machine, person = alice): Promise<Ran> {
  await machine.tsh("logout");
  const ran = await cluster.login(machine, person);
  assert.equal(ran.code, 0, ran.shown);
  return ran;
}

/** A new machine of a person, enrolled. */
async function enrolledMachine(serial: string, person = alice): Promise<Machine> {
  const machine = await cluster.machine(serial);
  await logInAgain(machine, person);
  await enrollApproved(machine);
  await assertOpens(machine, cluster.target);
  return machine;
}

async function assertOpensNothing(machine: Machine): Promise<void> {
  const ran = await machine.tsh("ssh", cluster.target, "echo inside");
  assert.notEqual(ran.code, 0, ran.shown);
  assert.equal(ran.stdout, "");
}

interface DeviceEvent {
  readonly success?: boolean;
  readonly reason?: string;
  readonly message?: string;
  readonly user: string;
  readonly device?: { readonly asset_tag: string };
}

/** The newest event of a kind about a device. */
async function lastEvent(kind: string, tag: string): Promise<DeviceEvent> {
  const text = await cluster.admin("audit", "ls", `--kind=${kind}`, "--format=json");
  const events = JSON.parse(text) as DeviceEvent[];
  return events.find(({ device }) => device?.asset_tag === tag) ?? assert.fail(`no ${kind}`);
}

async function statusOf(tag: string): Promise<string> {
  const row = (await cluster.admin("devices", "ls")).split("\n").find((line) => line.includes(tag));
  return row ?? assert.fail(`${tag} is not listed`);
}

test("TPM cleared: the login says so, no token means no way back, and a token brings it back", async () => {
  const machine = await enrolledMachine("CLEARED01");
  await withTpm(machine.tpm ?? assert.fail(), (client) => client.run(clearTpm()));
  const login = await logInAgain(machine);
  assert.match(login.stderr, /WARNING: .*the TPM was cleared since this device was enrolled/);
  await assertOpensNothing(machine);
  const alone = await machine.tsh("device", "enroll", "--current-device");
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /administrator/);
  await enrollApproved(machine);
  await assertOpens(machine, cluster.target);
});

test("disk cloned into another machine: the copy opens nothing, and enrolls under its own name only", async () => {
  const machine = await enrolledMachine("DISK00001");
  for (const serial of ["DISK00001", "DISK00002"]) {
    const clone = await cluster.machine(serial, { name: `clone-${serial}` });
    machine.copyHomeTo(clone);
    const login = await logInAgain(clone);
    assert.match(login.stderr, /WARNING: .*the device key in this profile belongs to another TPM/);
    await assertOpensNothing(clone);
    if (serial === machine.serial) {
      const taken = await enrollWith(clone, await approve(serial));
      assert.match(taken.stderr, /^ERROR: this device is enrolled with another TPM$/m);
    } else {
      await enrollApproved(clone);
      await assertOpens(clone, cluster.target);
    }
  }
  await logInAgain(machine);
  await assertOpens(machine, cluster.target);
});

test("OS reinstalled: the same TPM enrolls again with a token, and the certificates of before end", async () => {
  const machine = await enrolledMachine("REINSTALL");
  const state = await copyState(machine);
  rmSync(machine.home, { recursive: true });
  const fresh = await cluster.machine(machine.serial, {
    tpm: await startTpm(state),
    name: "fresh",
  });
  await logInAgain(fresh);
  await assertOpensNothing(fresh);
  await enrollApproved(fresh);
  await assertOpens(fresh, cluster.target);
  assert.match(
    await cluster.admin("get", "locks"),
    /REINSTALL is no longer enrolled with this key/,
  );
});

test("owner changed: the next one gets a new key, and what the former one holds stays locked", async () => {
  const machine = await enrolledMachine("GIVENAWAY");
  const row = await cluster.admin("get", "device/GIVENAWAY");
  const before = /credential:\n\s+id: (\S+)/.exec(row)?.[1];
  await unenroll("GIVENAWAY");
  await assertOpensNothing(machine);
  // Bob uses the account that alice left, with everything in it.
  await logInAgain(machine, bob);
  await enrollApproved(machine);
  await assertOpens(machine, cluster.target);
  const after = await cluster.admin("get", "device/GIVENAWAY");
  assert.match(after, /owner: bob/);
  assert.ok(before);
  assert.ok(!after.includes(before), "bob's key is not alice's");
  assert.match(
    await cluster.admin("get", "locks"),
    /GIVENAWAY is no longer enrolled with this key/,
  );
});

test("duplicate serial number: the second machine is refused, and an administrator decides", async () => {
  const first = await enrolledMachine("Serial123");
  const second = await cluster.machine("Serial123", { name: "second" });
  await logInAgain(second, bob);
  const refused = await enrollWith(second, await approve("Serial123"));
  assert.match(refused.stderr, /^ERROR: this device is enrolled with another TPM$/m);
  assert.match(refused.stderr, /^hint: .*administrator/m);
  assert.equal((await lastEvent("device.enroll", "Serial123")).reason, "tpm_changed");
  await logInAgain(first);
  await assertOpens(first, cluster.target);

  await unenroll("Serial123");
  await enrollApproved(second);
  await assertOpens(second, cluster.target);
  await logInAgain(first);
  await assertOpensNothing(first);
});

test("virtual machine cloned: the second to come is caught, and the first comes back with a token", async () => {
  const machine = await enrolledMachine("CLONED001");
  const copied = await takeSnapshot(machine, "clone");
  const clone = await startFrom(cluster, copied, "cloned");
  await logInAgain(machine);
  await assertOpens(machine, cluster.target);

  const login = await logInAgain(clone);
  assert.match(login.stderr, /WARNING: .*this device exists twice, and is no longer enrolled/);
  assert.match(login.stderr, /hint: .*tctl devices enroll --asset-tag=TAG/);
  await assertOpensNothing(clone);
  await assertOpensNothing(machine);
  const event = await lastEvent("device.copied", "CLONED001");
  assert.equal(event.user, "alice");
  assert.match(await statusOf("CLONED001"), /not enrolled/);

  await logInAgain(machine);
  await enrollApproved(machine);
  await assertOpens(machine, cluster.target);
  await logInAgain(clone);
  await assertOpensNothing(clone);
  await logInAgain(machine);
  await assertOpens(machine, cluster.target);
});

test("a clone that comes first is caught when the original comes", async () => {
  const machine = await enrolledMachine("CLONED002");
  const clone = await startFrom(cluster, await takeSnapshot(machine, "early"), "early");
  await logInAgain(clone);
  await assertOpens(clone, cluster.target);
  const login = await logInAgain(machine);
  assert.match(login.stderr, /WARNING: .*this device exists twice/);
  await assertOpensNothing(clone);
  await assertOpensNothing(machine);
});

test("snapshot restored: the machine of the past is caught, and comes back with a token", async () => {
  const machine = await enrolledMachine("SNAPSHOT1");
  const past = await takeSnapshot(machine, "past");
  await logInAgain(machine);
  await logInAgain(machine);
  await assertOpens(machine, cluster.target);
  await machine.tpm?.stop();
  const restored = await startFrom(cluster, past, "restored");
  const login = await logInAgain(restored);
  assert.match(login.stderr, /WARNING: .*this device exists twice, and is no longer enrolled/);
  await assertOpensNothing(restored);
  await enrollApproved(restored);
  await assertOpens(restored, cluster.target);
});

/** The state of a machine's TPM after its machine was switched off. */
async function copyState(machine: Machine): Promise<string> {
  const { tpm } = machine;
  if (tpm === undefined) return assert.fail("the machine has no TPM");
  await tpm.stop();
  const state = `${tpm.stateDir}-kept`;
  await copyTpmState(tpm.stateDir, state);
  return state;
}

/** What an administrator types to take a device out. */
async function unenroll(tag: string): Promise<void> {
  const editor = cluster.host.script(
    "unenroll",
    "#!/bin/sh\nsed -i 's/enroll_status: enrolled/enroll_status: not_enrolled/' \"$1\"\n",
  );
  const ran = await cluster.tctl(["edit", `device/${tag}`], "", { EDITOR: editor });
  assert.equal(ran.code, 0, ran.shown);
}
