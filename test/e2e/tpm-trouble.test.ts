/** A TPM that is missing, forbidden, silent, taken away or cleared: each is told apart, and nothing is lost. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isAgentRunning } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { openTpm } from "#client/device/open-tpm.ts";
import { logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster, type Person } from "../support/cluster.ts";
import { withTpm } from "../support/real-tpm-key.ts";
import { clearTpm } from "../support/tpm-provisioning.ts";

const enroll = ["device", "enroll", "--current-device"] as const;

let cluster: Cluster;
let machine: Machine;
let person: Person;

before(async () => {
  cluster = await Cluster.start();
  const roles = ["access", "editor", "require-trusted-device"];
  ({ machine, person } = await logInAt(cluster, { serial: "LAPTOP001", name: "alice", roles }));
});

after(() => cluster?.close());

test("a machine without a TPM is told where to switch it on", async () => {
  const env = { GATEHOUSE_TPM: `device:${join(machine.folder, "absent")}` };
  const ran = await machine.run("tsh", enroll, { env });
  assertRefused(ran, 1, /this machine has no TPM 2\.0/, /firmware setup/);
});

test("a TPM that this user may not open is told with the group to join", async () => {
  const device = join(machine.folder, "forbidden");
  writeFileSync(device, "");
  chmodSync(device, 0);
  const env = { GATEHOUSE_TPM: `device:${device}` };
  // Root without capabilities is an ordinary user to the file's mode.
  const drop =
    process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];
  const [program = "", ...args] = [...drop, "tsh", ...enroll];
  const ran = await machine.run(program, args, { env });
  assertRefused(ran, 1, /you may not use the TPM \(no permission on/, /usermod -aG tss/);
});

test("a virtual TPM that does not run is named", async () => {
  const env = { GATEHOUSE_TPM: `swtpm:unix:${join(machine.folder, "silent")}` };
  const ran = await machine.run("tsh", enroll, { env });
  assertRefused(ran, 1, /no virtual TPM answers at/, /start swtpm/);
});

test("a choice of TPM that means nothing is a mistake in usage", async () => {
  const ran = await machine.run("tsh", enroll, { env: { GATEHOUSE_TPM: "usb" } });
  assertRefused(ran, 2, /GATEHOUSE_TPM is "usb"/, /device:PATH/);
});

test("after every failure the device enrolls as if nothing had been", async () => {
  const ran = await machine.tsh(...enroll);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 0);
});

test("a person hears that the agent waits for a TPM that another program holds, and then gets in", async () => {
  const { tpm } = machine;
  assert.ok(tpm);
  await machine.endAgent();
  // It serves one connection, and keeps others waiting.
  const holder = await openTpm({ kind: "unix", path: tpm.socket });
  const terminal = machine.open("tsh", "ssh", cluster.target, "echo inside");
  try {
    await terminal.until(/Waiting for the TPM: it is busy/);
    const running = await isAgentRunning(agentPlace(machine.profile, machine.env));
    assert.ok(running, "the command waits itself, and not the agent");
  } finally {
    await holder.close();
  }
  await terminal.until(/inside/);
  assert.equal(await terminal.end(), 0);
});

test("a TPM that was cleared since the enrollment is recognised, and enrolls again", async () => {
  const { tpm } = machine;
  assert.ok(tpm);
  await machine.tsh("logout");
  await withTpm(tpm, (client) => client.run(clearTpm()));
  const login = await cluster.login(machine, person);
  assert.equal(login.code, 0, "the login itself needs no device");
  assert.match(login.stderr, /WARNING: .*the TPM was cleared since this device was enrolled/);
  assert.match(login.stderr, /hint: .*tsh device enroll/);
  const refused = await machine.tsh("ssh", cluster.target, "true");
  assertRefused(
    refused,
    1,
    /access denied to root connecting/,
    /tsh device enroll --current-device/,
  );

  const again = await machine.tsh(...enroll);
  assert.equal(again.code, 0, again.stderr);
  const opened = await machine.tsh("ssh", cluster.target, "true");
  assert.equal(opened.code, 0, opened.stderr);
});
