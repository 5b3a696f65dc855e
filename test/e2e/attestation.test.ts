/**
 * The attestation policy as an administrator lives with it: from any TPM to the TPMs of one maker, from any boot to
 * verified ones, with real programs and virtual TPMs whose firmware the test plays.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bootMachine } from "../support/cluster/boot.ts";
import { type AtMachine, enroll, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster } from "../support/cluster.ts";
import { bootEvents, type TestEvent } from "../support/event-log.ts";
import { createVendor, manufactureTpm, startTpm, type TestVendor } from "../support/swtpm.ts";

const roles = ["access", "editor"];
const newFirmware: TestEvent[] = [
  { pcr: 0, type: 8, data: new Uint8Array(Buffer.from("N32ET92W (1.68)\0", "utf16le")) },
  ...bootEvents(true).slice(1),
];

let cluster: Cluster;
let anna: AtMachine;
let vendor: TestVendor;

before(async () => {
  cluster = await Cluster.start();
  vendor = await createVendor("listed");
  const tpm = await startTpm((await manufactureTpm(vendor)).stateDir);
  const wish = { serial: "LAPTOP-A", name: "anna", roles, tpm, logsBoots: true };
  anna = await logInAt(cluster, wish);
  await bootMachine(anna.machine, bootEvents(true));
});

after(() => cluster?.close());

function inspect(assetTag: string): Promise<string> {
  return cluster.admin("devices", "ekcert", "inspect", `--asset-tag=${assetTag}`);
}

/** Sets the policy; gives what the dry run said of it before. */
async function setPolicy(measuredBoot: string): Promise<{ refused: string[]; reported: string[] }> {
  const yaml = `kind: attestation_policy\nversion: v1\nspec:\n  measured_boot:\n${measuredBoot}`;
  const file = join(cluster.host.home, "policy.yaml");
  writeFileSync(file, yaml);
  const args = ["devices", "simulate", `--measured-boot=${file}`, "--format=json"];
  const { devices } = JSON.parse(await cluster.admin(...args));
  const tags = (outcome: string) =>
    devices
      .filter((device: { outcome: string }) => device.outcome === outcome)
      .map((device: { asset_tag: string }) => device.asset_tag);
  await cluster.admin("create", "-f", file);
  return { refused: tags("refused"), reported: tags("reported") };
}

/** The device authenticates anew; says whether that opens the node, which demands a trusted device. */
async function isTrusted({ machine }: AtMachine): Promise<boolean> {
  await machine.endAgent();
  return (await machine.tsh("ssh", cluster.target, "true")).code === 0;
}

/** The newest event of a type about the device. */
async function lastEvent(type: string): Promise<Record<string, unknown>> {
  const [event] = JSON.parse(
    await cluster.admin("audit", "ls", `--kind=${type}`, "--limit=1", "--format=json"),
  );
  return event ?? assert.fail(`there is no event ${type}`);
}

test("any TPM enrolls at first, and its certificate is known", async () => {
  await enroll(anna.machine);
  const shown = await inspect("LAPTOP-A");
  assert.match(shown, /^Attestation: +tpm_ekcert$/m);
  assert.match(shown, /^TPM model: +swtpm$/m);
  assert.match(shown, /^Issuer: +CN=swtpm-localca$/m);
  assert.match(shown, /event log explained, Secure Boot on$/m);
});

test("with the maker's authority on the list, only that maker's TPMs enroll", async () => {
  const added = await cluster.admin("devices", "ekcert", "allow", vendor.issuerFile);
  assert.match(added, /^Added CN=swtpm-localca, valid until /m);
  await enroll(anna.machine);
  assert.match(await inspect("LAPTOP-A"), /^Attestation: +tpm_ekcert_trusted$/m);
  await cluster.admin("devices", "add", "--os=linux", "--asset-tag=LAPTOP-B");
  const bert = await logInAt(cluster, { serial: "LAPTOP-B", name: "bert", roles });
  const refused = await bert.machine.tsh("device", "enroll", "--current-device");
  assertRefused(refused, 1, /device enrollment refused/, /tctl explain/);
  assert.doesNotMatch(refused.stderr, /untrusted|authority|certificate/);
  const id = /tctl explain (\S+)/.exec(refused.stderr)?.[1] ?? assert.fail(refused.stderr);
  const explained = await cluster.admin("explain", id);
  assert.match(explained, /^Check: +ek_untrusted$/m);
  assert.match(explained, /^Reason: +the endorsement certificate does not chain to an authority/m);
  assert.match(explained, /^What helps: .*tctl devices ekcert allow/m);
});

test("a TPM that is not the one of the record enrolls nothing, whatever its maker", async () => {
  const other = await startTpm((await manufactureTpm(vendor)).stateDir);
  const carl = await logInAt(cluster, { serial: "LAPTOP-C", name: "carl", roles, tpm: other });
  await cluster.admin("devices", "add", "--os=linux", "--asset-tag=LAPTOP-C");
  const keyHash = /^Key hash: +(\S+)$/m.exec(await inspect("LAPTOP-A"))?.[1] ?? assert.fail();
  const bind = ["devices", "ekcert", "bind", "--asset-tag=LAPTOP-C"];
  await cluster.admin(...bind, `--key-hash=${keyHash}`);
  const refused = await carl.machine.tsh("device", "enroll", "--current-device");
  assertRefused(refused, 1, /device enrollment refused/);
  assert.equal((await lastEvent("device.enroll"))["reason"], "ek_not_bound");
  await cluster.admin(...bind, "--clear");
  await enroll(carl.machine);
});

test("a rule is tried, reports, is enforced; the dry run says what then happens", async () => {
  await storeDeviceMode(cluster, "required");
  const rule = (mode: string) => `  - {name: secure-boot, mode: ${mode}, secure_boot: true}\n`;
  // The other machine sends no event log.
  const tried = await setPolicy(rule("report"));
  assert.deepEqual(tried, { refused: [], reported: ["LAPTOP-C"] });
  await bootMachine(anna.machine, bootEvents(false));
  assert.equal(await isTrusted(anna), true);
  assert.equal((await lastEvent("device.boot.report"))["reason"], "secure_boot_off");

  const enforced = await setPolicy(rule("enforce"));
  assert.deepEqual(enforced.refused.sort(), ["LAPTOP-A", "LAPTOP-C"]);
  assert.equal(await isTrusted(anna), false);
  const event = await lastEvent("device.authenticate");
  assert.equal(event["reason"], "secure_boot_off");
  const { stdout: status } = await anna.machine.tsh("device", "status");
  assert.match(
    status,
    /^Missing: +the cluster refused this device for what its firmware measured/m,
  );
  const explained = await cluster.admin("explain", String(event["uid"]));
  assert.match(explained, /^Reason: +measured-boot rule "secure-boot": Secure Boot is off$/m);

  await bootMachine(anna.machine, bootEvents(true));
  assert.equal(await isTrusted(anna), true);
});

test("a log that does not tell what was measured proves nothing", async () => {
  await bootMachine(anna.machine, bootEvents(false), bootEvents(true));
  assert.equal(await isTrusted(anna), false);
  assert.equal((await lastEvent("device.authenticate"))["reason"], "secure_boot_unclear");
  await bootMachine(anna.machine, bootEvents(true));
});

test("new firmware stays outside until an administrator approves the boot", async () => {
  await setPolicy("  - {name: drift, os: linux, mode: enforce, unchanged_pcrs: [0, 7]}\n");
  assert.equal(await isTrusted(anna), true);
  await bootMachine(anna.machine, newFirmware);
  assert.equal(await isTrusted(anna), false);
  const shown = await inspect("LAPTOP-A");
  assert.match(shown, /^Its firmware: +N32ET92W \(1\.68\)$/m);
  assert.match(shown, /^Its changes: +PCR 0$/m);
  const approved = await cluster.admin("devices", "approve-boot", "--asset-tag=LAPTOP-A");
  assert.match(approved, /^Changed since the last approval: PCR 0$/m);
  assert.equal(await isTrusted(anna), true);
});

test("allowed firmware is named by its version", async () => {
  const rule = (version: string) =>
    `  - {name: firmware, mode: enforce, os: linux, allowed_firmware: [{version: "${version}"}]}\n`;
  assert.ok(!(await setPolicy(rule("N32ET92W*"))).refused.includes("LAPTOP-A"));
  assert.equal(await isTrusted(anna), true);
  assert.ok((await setPolicy(rule("N32ET93W*"))).refused.includes("LAPTOP-A"));
  assert.equal(await isTrusted(anna), false);
  assert.match(String((await lastEvent("device.authenticate"))["message"]), /N32ET92W \(1\.68\)/);
});

test("whoever may not read the policy reads nothing of it", async () => {
  const dora = await logInAt(cluster, {
    ...{ serial: "LAPTOP-D", name: "dora", tpm: false },
    roles: ["access"],
  });
  assertRefused(await dora.machine.run("tctl", ["get", "attestation_policy"]), 1, /access denied/);
});
