/**
 * From the first device to a cluster that demands one, with the commands that say what comes next: `tsh device status`,
 * `tsh device doctor` and `tctl devices simulate`, each held against what then happens.
 */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AtMachine, assertOpens, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine, Ran } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";
import { withTpm } from "../support/real-tpm-key.ts";
import { clearTpm } from "../support/tpm-provisioning.ts";

let cluster: Cluster;
let anna: AtMachine;
let bert: AtMachine;

before(async () => {
  cluster = await Cluster.start();
  await cluster.admin("users", "rm", "myuser");
  anna = await logInAt(cluster, { serial: "LAPTOP-A", name: "anna", roles: ["access", "editor"] });
  bert = await logInAt(cluster, { serial: "LAPTOP-B", name: "bert", roles: ["access"] });
});

after(() => cluster?.close());

interface Doctor {
  readonly healthy: boolean;
  readonly checks: readonly { name: string; outcome: string; message: string; hint?: string }[];
}

async function examine(
  machine: Machine,
  env: Record<string, string> = {},
): Promise<Doctor & { code: number }> {
  const ran = await machine.run("tsh", ["device", "doctor", "--format=json"], { env });
  return { ...readDoctor(ran), code: ran.code };
}

function readDoctor({ stdout, stderr }: Ran): Doctor {
  assert.ok(stdout.startsWith("{"), stderr);
  return JSON.parse(stdout) as Doctor;
}

/** The checks that found a problem, with what mends it. */
function problems({ checks }: Doctor): [string, string, string][] {
  return checks
    .filter(({ outcome }) => outcome === "problem")
    .map(({ name, message, hint = "" }) => [name, message, hint]);
}

/** The words to run a program as somebody to whom file modes apply, also where the tests run as root. */
const ordinary =
  process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];

async function examineAsOrdinaryUser(machine: Machine, env: Record<string, string>) {
  const [program = "", ...args] = [...ordinary, "tsh", "device", "doctor", "--format=json"];
  return readDoctor(await machine.run(program, args, { env }));
}

async function simulate(mode: string) {
  const text = await cluster.admin("devices", "simulate", `--mode=${mode}`, "--format=json");
  const { logins, totals } = JSON.parse(text);
  const rows = logins.map(
    ({ user, login, outcome, device }: Record<string, string>) =>
      `${user} ${login}: ${outcome}${device === undefined ? "" : ` by ${device}`}`,
  );
  return { rows: rows as string[], totals };
}

test("a machine that is new to the cluster: who may enroll it, and how", async () => {
  const mine = await anna.machine.tsh("device", "status");
  assert.equal(mine.code, 0, mine.stderr);
  assert.match(mine.stdout, /^Device: +LAPTOP-A \(Linux\)$/m);
  assert.match(mine.stdout, /^Registered: +no$/m);
  assert.match(mine.stdout, /^What helps: +enroll it with: tsh device enroll --current-device$/m);
  const his = await bert.machine.tsh("device", "status");
  assert.match(his.stdout, /^What helps: .*role device-enroll.*tctl devices add --os=linux/m);
  const found = await examine(anna.machine);
  assert.deepEqual(
    problems(found).map(([name]) => name),
    ["enrollment"],
  );
});

test("before the switch: everybody would lose their logins, and the totals say how many", async () => {
  const { rows, totals } = await simulate("required");
  assert.deepEqual(rows, ["anna root: lost", "bert root: lost"]);
  assert.deepEqual([totals.lost, totals.kept, totals.servers], [2, 0, 1]);
});

test("the way that status names leads to a device that the doctor finds well", async () => {
  const enrolled = await anna.machine.tsh("device", "enroll", "--current-device");
  assert.equal(enrolled.code, 0, enrolled.shown);
  const { stdout } = await anna.machine.tsh("device", "status");
  assert.match(stdout, /^Enrolled: +yes, by you, with the key of this machine$/m);
  assert.match(stdout, /^Last authenticated: +\d{4}-\d\d-\d\dT/m);
  assert.match(stdout, /^Login: .*, with LAPTOP-A$/m);
  assert.match(stdout, /^Missing: +nothing$/m);
  const found = await examine(anna.machine);
  assert.deepEqual([problems(found), found.healthy, found.code], [[], true, 0]);
});

test("what the simulation says is what happens when the mode is set", async () => {
  const { rows } = await simulate("required");
  assert.deepEqual(rows, ["anna root: kept by LAPTOP-A", "bert root: lost"]);
  await assertOpens(bert.machine, cluster.target);
  await storeDeviceMode(cluster, "required");
  await assertOpens(anna.machine, cluster.target);
  const refused = await bert.machine.tsh("ssh", cluster.target, "true");
  assert.notEqual(refused.code, 0);
  const status = await bert.machine.tsh("device", "status");
  assert.match(status.stdout, /^Demanded by: +the cluster \(required\)$/m);
  assert.deepEqual((await simulate("required")).rows, []);
});

test("somebody else's machine: no name, no key, and who can help", async () => {
  const env = { GATEHOUSE_DMI_DIR: join(anna.machine.folder, "dmi") };
  const { stdout } = await bert.machine.run("tsh", ["device", "status"], { env });
  assert.match(stdout, /^Enrolled: +yes, by somebody else, with another key$/m);
  assert.match(stdout, /^What helps: .*tctl edit device\/LAPTOP-A, enroll_status: not_enrolled/m);
  assert.doesNotMatch(stdout, /anna|Last authenticated/);
});

test("a key that was copied from another machine is stale", async () => {
  const thief = await cluster.machine("LAPTOP-T");
  anna.machine.copyHomeTo(thief);
  const found = problems(await examine(thief));
  assert.ok(found.some(([name, message]) => name === "device key" && /another TPM/.test(message)));
});

test("a TPM and serial numbers that this user may not read are told with the way to get them", async () => {
  const device = join(bert.machine.folder, "forbidden");
  writeFileSync(device, "");
  chmodSync(device, 0);
  for (const name of ["product_serial", "board_serial", "chassis_asset_tag"]) {
    chmodSync(join(bert.machine.folder, "dmi", name), 0);
  }
  const found = problems(
    await examineAsOrdinaryUser(bert.machine, { GATEHOUSE_TPM: `device:${device}` }),
  );
  const [tpm, serial] = ["TPM", "serial number"].map((name) =>
    found.find(([check]) => check === name),
  );
  assert.match(tpm?.[1] ?? "", /you may not use the TPM \(no permission on/);
  assert.match(tpm?.[2] ?? "", /usermod -aG tss .*udev rule/);
  assert.match(serial?.[1] ?? "", /readable by root only/);
  assert.match(serial?.[2] ?? "", /sudo/);
});

test("an event log that this user may not read is told with the way to get it", async () => {
  const log = join(bert.machine.folder, "forbidden-log");
  writeFileSync(log, "anything");
  chmodSync(log, 0);
  const found = problems(await examineAsOrdinaryUser(bert.machine, { GATEHOUSE_EVENT_LOG: log }));
  const [, message = "", hint = ""] = found.find(([check]) => check === "event log") ?? [];
  assert.equal(message, `you may not read the event log (no permission on ${log})`);
  assert.match(hint, /^sudo chgrp tss .*tmpfiles\.d/);
});

test("a device that was unenrolled, and a TPM that was cleared, are told apart", async () => {
  const { machine } = anna;
  const editor = machine.script(
    "unenroll",
    '#!/bin/sh\nsed -i "s/: enrolled/: not_enrolled/" "$1"\n',
  );
  const edited = await cluster.tctl(["edit", "device/LAPTOP-A"], "", { EDITOR: editor });
  assert.equal(edited.code, 0, edited.shown);
  const unenrolled = problems(await examine(machine));
  assert.deepEqual(
    unenrolled.map(([name, message]) => [name, message]),
    [["enrollment", "this device is not enrolled"]],
  );
  assert.match(unenrolled[0]?.[2] ?? "", /tsh device enroll --current-device/);
  assert.ok(machine.tpm);
  await withTpm(machine.tpm, (client) => client.run(clearTpm()));
  const cleared = problems(await examine(machine));
  assert.deepEqual(
    cleared.map(([name, message]) => [name, message]),
    [
      ["device key", "the TPM was cleared since this device was enrolled"],
      ["enrollment", "this device is not enrolled"],
    ],
  );
});

test("a login that lost its device to a lock is told why", async () => {
  const { machine } = anna;
  assert.equal((await machine.tsh("device", "enroll", "--current-device")).code, 0);
  assert.equal((await examine(machine)).code, 0);
  await cluster.admin("devices", "lock", "--asset-tag=LAPTOP-A", "--message=lost");
  const locked = problems(await examine(machine));
  assert.deepEqual(
    locked.map(([name]) => name),
    ["enrollment"],
  );
  assert.match(locked[0]?.[1] ?? "", /is in force: lost$/);
  assert.match(locked[0]?.[2] ?? "", /tctl locks rm ID/);
});
