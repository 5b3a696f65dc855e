/**
 * Our own tsh, as it is released, on a whole machine: a kernel's `/dev/tpmrm0`, the event log that UEFI firmware wrote, serial
 * numbers from DMI. It enrolls, opens a node, and is refused after a boot that was tampered with. Processor and TPM are emulated
 * (QEMU, swtpm); everything between them and tsh is what a laptop has.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Cluster, password } from "../support/cluster.ts";
import { createVendor, manufactureTpm } from "../support/swtpm.ts";
import { makeGuest, tamperedKernel } from "../support/vm/guest.ts";
import { VirtualMachine } from "../support/vm/virtual-machine.ts";

const serial = "VM-0001";
const roles = ["access", "device-enroll", "require-trusted-device"];

let cluster: Cluster;
let machine: VirtualMachine;
let tampered: string;

before(async () => {
  cluster = await Cluster.start({ nodename: "node1" });
  await cluster.store("kind: cluster_auth_preference\nversion: v2\nspec:\n  second_factor: off\n");
  await cluster.addUser("alice", roles);
  const vendor = await createVendor("listed");
  await cluster.admin("devices", "ekcert", "allow", vendor.issuerFile);
  const guest = await makeGuest(cluster.folder);
  tampered = tamperedKernel(guest.kernel, join(cluster.folder, "tampered"));
  const { stateDir } = await manufactureTpm(vendor);
  const hardware = { serial, product: "Test-Machine", tpmState: stateDir };
  machine = new VirtualMachine(join(cluster.folder, "vm"), guest, hardware);
  await machine.boot();
});

after(async () => {
  machine?.discard();
  await cluster?.close();
});

/** Runs a command that must succeed; gives what it printed. */
async function succeed(command: string): Promise<string> {
  const { code, shown } = await machine.run(command);
  assert.equal(code, 0, shown);
  return shown;
}

const openNode = "tsh ssh root@node1 echo inside";

test("the machine has what a laptop has, and the doctor finds nothing to mend", async () => {
  const shown = await succeed("tsh device doctor");
  assert.match(shown, /^ok +TPM +a TPM 2\.0 answers at \/dev\/tpmrm0$/m);
  assert.match(shown, /^ok +PCR banks +SHA-256 is on$/m);
  assert.match(shown, /^ok +TPM hierarchies +endorsement \(with a certificate of its maker\)/m);
  assert.match(shown, /^ok +event log +\d+ bytes, \d+ events, which lead to PCR 0 to 7$/m);
  assert.match(shown, new RegExp(`^ok +serial number +${serial}$`, "m"));
  assert.doesNotMatch(shown, /^problem/m);
});

test("it logs in, enrolls, authenticates and opens a node", async () => {
  const login = `tsh login --proxy=${cluster.proxy} --user=alice --insecure`;
  await succeed(`printf '%s\\n' '${password}' | ${login}`);
  assert.notEqual((await machine.run(openNode)).code, 0, "without a device the node stays closed");
  const added = await cluster.admin(
    "devices",
    "add",
    "--os=linux",
    `--asset-tag=${serial}`,
    "--enroll",
  );
  const token = /^The enrollment token: (\S+)$/m.exec(added)?.[1];
  assert.equal(
    await succeed(`tsh device enroll --token=${token}`),
    `Device "${serial}"/Linux enrolled\n`,
  );
  assert.equal(await succeed(openNode), "inside\n");
});

test("the cluster knows its TPM's maker, its serial numbers, and that its event log explains its boot", async () => {
  const shown = await cluster.admin("devices", "ekcert", "inspect", `--asset-tag=${serial}`);
  assert.match(shown, /^Attestation: +tpm_ekcert_trusted$/m);
  assert.match(shown, /event log explained/);
  const document = await cluster.admin("get", `device/${serial}`);
  assert.match(document, new RegExp(`system_serial_number: ${serial}`));
  assert.match(document, new RegExp(`base_board_serial_number: board-of-${serial}`));
  assert.match(document, /model_identifier: Test-Machine/);
});

test("a kernel that differs in one byte is measured, and the device is refused", async () => {
  const file = join(cluster.host.home, "policy.yaml");
  const rule = "{name: boot, mode: enforce, event_log: true, unchanged_pcrs: [0, 2, 4, 7]}";
  writeFileSync(
    file,
    `kind: attestation_policy\nversion: v1\nspec:\n  measured_boot:\n  - ${rule}\n`,
  );
  await cluster.admin("create", "-f", file);
  await machine.powerOff();
  await machine.boot(tampered);
  const { code, shown } = await machine.run(openNode);
  assert.notEqual(code, 0, shown);
  assert.match(shown, /^hint: this device could not be authenticated: /m);
  const id = /tctl explain (\S+)/.exec(shown)?.[1] ?? assert.fail(shown);
  assert.match(await cluster.admin("explain", id), /PCR 4\b/);
});

test("with its own kernel it is trusted again", async () => {
  await machine.powerOff();
  await machine.boot();
  assert.equal(await succeed(openNode), "inside\n");
});
