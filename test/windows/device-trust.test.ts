/**
 * Our own tsh as a Windows program, under wine, at a real cluster: its collectors, its TPM through TPM Base Services (a
 * double in front of a software TPM), enrollment, login, access, and what it says when the TPM cannot be used.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { openTpm } from "#client/device/open-tpm.ts";
import { newTpm } from "../support/cluster/machine.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster, type Person } from "../support/cluster.ts";
import { bootEvents, encodeEventLog } from "../support/event-log.ts";
import type { RunningTpm } from "../support/swtpm.ts";
import { measureEvent, setEndorsementPassword } from "../support/tpm-provisioning.ts";
import { forwardTpm, Wine, type WineMachine } from "../support/windows/wine.ts";

/** Twenty bytes, as Windows makes them. */
const endorsementPassword = "0123456789abcdefghij";
const roles = ["access", "device-admin", "require-trusted-device"];
const firmware = {
  productName: "Test Machine",
  productSerial: "WIN0001",
  boardSerial: "BOARD0001",
  chassisAssetTag: "No Asset Tag",
};

let cluster: Cluster;
let wine: Wine;
let machine: WineMachine;
let alice: Person;
let closeTpm = () => {};

before(async () => {
  wine = await Wine.start();
  cluster = await Cluster.start();
  alice = await cluster.addUser("alice", roles);
  const chip = await newTpm();
  await startMachine(chip);
  const tpm = await forwardTpm(chip);
  closeTpm = tpm.close;
  const log = join(wine.folder, "event-log");
  writeFileSync(log, encodeEventLog(boot));
  machine = wine.machine("laptop", firmware, {
    FORWARD_TBS_PORT: String(tpm.port),
    FORWARD_TBS_LOG: log,
    FORWARD_TBS_AUTH: endorsementPassword,
  });
});

after(async () => {
  closeTpm();
  await cluster?.close();
  wine?.close();
});

const boot = bootEvents(true);

/** Measures a start with Secure Boot into the TPM, as firmware would, and sets it up as Windows does. */
async function startMachine(chip: RunningTpm): Promise<void> {
  const client = await openTpm({ kind: "unix", path: chip.socket });
  for (const event of boot) await client.run(measureEvent(event));
  await client.run(setEndorsementPassword(utf8(endorsementPassword)));
  await client.close();
}

test("the collector reads the firmware's table and the system, as Windows offers them", async () => {
  const { stdout, code } = await machine.tsh("device", "collect");
  assert.equal(code, 0);
  const collected = JSON.parse(stdout.replace(/^DeviceCollectedData /, ""));
  const { collect_time: _, os_username, os_login_user, ...facts } = collected;
  assert.deepEqual(facts, {
    os_type: "OS_TYPE_WINDOWS",
    serial_number: "WIN0001",
    model_identifier: "Test Machine",
    os_version: "10.0.18362",
    os_build: "18362",
    reported_asset_tag: "No Asset Tag",
    system_serial_number: "WIN0001",
    base_board_serial_number: "BOARD0001",
  });
  assert.match(os_username, /^[^\\]+\\[^\\]+$/);
  assert.equal(os_login_user, os_username);
});

test("a machine whose firmware says nothing is told what helps", async () => {
  const bare = wine.machine("bare", {}, {});
  assert.equal((await bare.tsh("device", "asset-tag")).stdout, "\n");
  const { stdout } = await bare.tsh("device", "status");
  assert.match(stdout, /^Missing: +this machine gives no serial number/m);
});

test("wine's own tbs.dll says that there is no TPM, in Windows' own way", async () => {
  const own = { WINEDLLOVERRIDES: "mscoree,mshtml=;tbs=b" };
  const { code, shown } = await machine.run("tsh", ["device", "doctor"], { env: own });
  assert.equal(code, 1);
  assert.match(shown, /^problem +TPM +this machine has no TPM 2\.0$/m);
  assert.match(shown, /^hint: TPM: switch the TPM on .*tpm\.msc/m);
});

for (const [result, message, hint] of [
  ["0x80284008", /TPM Base Services is not running/, /Start-Service TBS/],
  ["0x80284010", /TPM Base Services is disabled/, /Set-Service TBS/],
  ["0x80284012", /you may not use the TPM/, /as administrator/],
  ["0x80284016", /not finished setting up the TPM/, /Initialize-Tpm/],
] as const) {
  test(`the doctor explains ${result} of TPM Base Services`, async () => {
    const env = { FORWARD_TBS_RESULT: result };
    const { code, shown } = await machine.run("tsh", ["device", "doctor"], { env });
    assert.equal(code, 1);
    assert.match(shown, new RegExp(`^problem +TPM +.*${message.source}`, "m"));
    assert.match(shown, new RegExp(`^hint: TPM: .*${hint.source}`, "m"));
  });
}

test("without a device the role that demands one opens nothing", async () => {
  const login = await cluster.login(machine, alice);
  assert.equal(login.code, 0, login.shown);
  assertRefused(
    await machine.tsh("ssh", cluster.target, "echo inside"),
    1,
    /^ERROR: access denied/,
    /enroll/,
  );
});

/** Of somebody who is no administrator. */
const ordinary = { env: { FORWARD_TBS_USER: "1" } };

test("whoever is no administrator cannot enroll, and is told so", async () => {
  const ran = await machine.run("tsh", ["device", "enroll", "--current-device"], ordinary);
  assert.deepEqual([ran.code, ran.stdout], [1, 'Device "WIN0001"/Windows registered\n']);
  assert.match(ran.stderr, /^ERROR: Windows tells the TPM's password to administrators only$/m);
  assert.match(ran.stderr, /^hint: open a terminal as administrator/m);
});

test("the machine enrols through TPM Base Services, and the cluster knows it as a Windows one", async () => {
  const ran = await machine.tsh("device", "enroll", "--current-device");
  assert.equal(ran.stdout, 'Device "WIN0001"/Windows enrolled\n', ran.stderr);
  assert.match(await cluster.admin("devices", "ls"), /^WIN0001 +Windows .*enrolled/m);
  assert.deepEqual(readdirSync(join(wine.localAppData, "gatehouse")).sort(), [
    "attestation-key.json",
    "device-epochs.json",
  ]);
});

test("the cluster has the firmware's event log from it", async () => {
  const log = readFileSync(join(wine.folder, "event-log"));
  const { stdout } = await machine.tsh("device", "doctor");
  assert.match(
    stdout,
    new RegExp(`^ok +event log +${log.length} bytes, \\d+ events, which lead to PCR 0 to 7$`, "m"),
  );
  const events = await cluster.admin("audit", "ls", "--format=json", "--limit=1000");
  // The log replays to the PCRs that the TPM quoted.
  assert.match(events, /the event log is explained/);
});

test("every check of the doctor is content, for an ordinary person as well", async () => {
  const { code, shown } = await machine.run("tsh", ["device", "doctor"], ordinary);
  assert.equal(code, 0, shown);
  assert.doesNotMatch(shown, /^(problem|hint)/m);
  assert.match(shown, /^ok +TPM +a TPM 2\.0 answers at the TPM Base Services$/m);
});

test("the device opens the door, again at every command, for no agent holds its session", async () => {
  for (const word of ["inside", "again"]) {
    const words = ["ssh", cluster.target, `echo ${word}`];
    const opened = await machine.run("tsh", words, ordinary);
    assert.deepEqual([opened.stdout, opened.code], [`${word}\n`, 0], opened.stderr);
  }
});

test("a login finds the device again", async () => {
  assert.equal((await machine.tsh("logout")).code, 0);
  const login = await cluster.login(machine, alice);
  assert.equal(login.code, 0, login.shown);
  const { stdout } = await machine.tsh("device", "status");
  assert.match(stdout, /^Login: .* with WIN0001$/m);
  assert.match(stdout, /^Missing: +nothing$/m);
});

test("the key in the profile of another machine is of no use", async () => {
  const other = await forwardTpm(await newTpm());
  const env = { FORWARD_TBS_PORT: String(other.port) };
  const { code, shown } = await machine.run("tsh", ["device", "doctor"], { env });
  other.close();
  assert.equal(code, 1);
  assert.match(shown, /^problem +device key +the device key .* belongs to another TPM$/m);
});
