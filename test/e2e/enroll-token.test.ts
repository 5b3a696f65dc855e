/** People who may enroll but not register devices (preset role device-enroll) do it with a token of an administrator: once, in time, and for that device only. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertOpens, logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster } from "../support/cluster.ts";

const roles = ["access", "device-enroll", "require-trusted-device"];

let cluster: Cluster;
let machine: Machine;

before(async () => {
  cluster = await Cluster.start();
  ({ machine } = await logInAt(cluster, { serial: "LAPTOP001", name: "alice", roles }));
});

after(() => cluster?.close());

/** The token in the block that tctl prints. */
function tokenIn(printed: string): string {
  assert.match(printed, /^This token will expire in \S+\.$/m);
  const command = /^tsh device enroll --token=(\S+)$/m.exec(printed)?.[1];
  assert.equal(/^The enrollment token: (\S+)$/m.exec(printed)?.[1], command);
  return command ?? assert.fail(printed);
}

test("who is no administrator may not register the device alone", async () => {
  const ran = await machine.tsh("device", "enroll", "--current-device");
  assertRefused(ran, 1, /access denied|permission|may not/i, /--token|administrator/);
  assert.equal(await cluster.admin("devices", "ls"), "No devices found\n");
});

test("without the role, a token alone enrols nothing", async () => {
  const carol = { serial: "PLAIN0001", name: "carol", roles: ["access"] };
  const { machine: other } = await logInAt(cluster, carol);
  const ran = await other.tsh("device", "enroll", "--token=0123456789abcdef");
  assertRefused(ran, 1, /access denied to perform action "enroll" on "device"/, /verbs \[enroll\]/);
});

test("without a flag the command says which one is missing", async () => {
  const ran = await machine.tsh("device", "enroll");
  assertRefused(ran, 2, /required flag --token not provided/, /./);
});

test("a device that nobody registered enrols with no token at all", async () => {
  const ran = await machine.tsh("device", "enroll", "--token=0123456789abcdef");
  assertRefused(ran, 1, /device "LAPTOP001" is not registered/, /./);
});

test("the administrator's token enrols the device, and opens the door", async () => {
  const added = await cluster.admin(
    ...["devices", "add", "--os=linux", "--asset-tag=LAPTOP001", "--enroll"],
  );
  assert.match(added, /^Device LAPTOP001\/Linux added to the inventory$/m);
  const token = tokenIn(added);
  const enrolled = await machine.tsh("device", "enroll", `--token=${token}`);
  assert.equal(enrolled.stdout, 'Device "LAPTOP001"/Linux enrolled\n', enrolled.stderr);
  await assertOpens(machine, cluster.target);

  const again = await machine.tsh("device", "enroll", `--token=${token}`);
  assertRefused(again, 1, /invalid device enrollment token/, /./);
});

test("a token for one device is of no use to another, and stays good for its own", async () => {
  const bob = { serial: "OTHER0001", name: "bob", roles };
  const { machine: other } = await logInAt(cluster, bob);
  await cluster.admin("devices", "add", "--os=linux", "--asset-tag=OTHER0001");
  const token = tokenIn(await cluster.admin("devices", "enroll", "--asset-tag=LAPTOP001"));
  const stolen = await other.tsh("device", "enroll", `--token=${token}`);
  assertRefused(stolen, 1, /invalid device enrollment token/, /./);
  assert.equal((await other.tsh("ssh", cluster.target, "true")).code, 1);
  const renewed = await machine.tsh("device", "enroll", `--token=${token}`);
  assert.equal(renewed.code, 0, renewed.shown);
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 0);
});

test("a device that leaves the inventory is out at once", async () => {
  assert.equal(
    await cluster.admin("devices", "rm", "--asset-tag=LAPTOP001"),
    'Device "LAPTOP001" removed\n',
  );
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 1);
  assert.doesNotMatch(await cluster.admin("devices", "ls"), /LAPTOP001/);
});
