/**
 * Posture rules at a whole cluster: a device is refused for what is known of it, the person reads which rule, which fact and
 * what helps, and a session ends when a fact or a rule changes.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type AtMachine, assertOpens, logInAt } from "../support/cluster/login.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;
let anna: AtMachine;
let bert: AtMachine;

before(async () => {
  cluster = await Cluster.start();
  await cluster.admin("users", "rm", "myuser");
  const roles = ["access", "editor"];
  anna = await logInAt(cluster, { serial: "LAPTOP-A", name: "anna", roles, enroll: true });
  bert = await logInAt(cluster, { serial: "LAPTOP-B", name: "bert", roles: ["access"] });
});

after(() => cluster?.close());

const own = "device.owner == user.metadata.name";
const recent = 'version_at_least(device.os_version, "999")';

/** The rules of the cluster. */
async function storeRules(...rules: readonly string[]): Promise<void> {
  const list = rules.map((rule) => `\n    - ${JSON.stringify(rule)}`).join("");
  await cluster.store(
    `kind: cluster_auth_preference\nversion: v2\nspec:\n  device_trust:\n    posture:${list || " []"}\n`,
  );
}

test("before a rule is set, simulate names who would lose what", async () => {
  const text = await cluster.admin(
    ...["devices", "simulate", `--posture=${own}`, `--posture=${recent}`, "--format=json"],
  );
  const { logins } = JSON.parse(text);
  assert.deepEqual(
    logins.map(({ user, outcome, lost_devices }: Record<string, unknown>) => [
      user,
      outcome,
      lost_devices,
    ]),
    [
      ["anna", "lost", ["LAPTOP-A"]],
      ["bert", "lost", undefined],
    ],
  );
});

test("a rule that a device meets lets it in, and nobody without one", async () => {
  await storeRules(own);
  await assertOpens(anna.machine, cluster.target);
  const refused = await bert.machine.tsh("ssh", cluster.target, "true");
  assertRefused(refused, 1, /unauthorized device/, /this login has no trusted device/);
  const { stdout } = await bert.machine.tsh("device", "status");
  assert.match(stdout, /^Demanded by: +the cluster \(posture rules\)$/m);
});

test("a refusal tells rule, fact and what helps; explain tells the same to who helps", async () => {
  await storeRules(own, recent);
  const refused = await anna.machine.tsh("ssh", cluster.target, "true");
  assertRefused(
    refused,
    1,
    /unauthorized device: the device does not meet a posture rule: version_at_least/,
    /device\.os_version is "[^"]+"\n.*update the operating system, then: tsh login/,
  );
  const id = /tctl explain (\S+)/.exec(refused.stderr)?.[1] ?? assert.fail(refused.stderr);
  const explained = await cluster.admin("explain", id);
  assert.match(explained, /^Check: +cluster-device-posture$/m);
  assert.match(explained, /^Rule: +cluster_auth_preference\.device_trust\.posture\[1\]$/m);
  assert.match(explained, /^What helps: +device\.os_version is "/m);
  const { refusal } = JSON.parse(await cluster.admin("explain", id, "--format=json")).event;
  assert.equal(refusal.posture_rule, recent);
  assert.match(refusal.device_facts, /^device\.os_version is "/);
  const { stdout } = await anna.machine.tsh("device", "status");
  assert.match(
    stdout,
    /^Missing: +the cluster demands of the device: version_at_least.*os_version/m,
  );
});

test("a role's rule is asked where the role gives access, and an official client reads the usual sentence", async () => {
  await storeRules();
  await cluster.store(
    `kind: role
version: v7
metadata: {name: prod}
spec:
  allow: {logins: [root], node_labels: {"*": "*"}}
  options:
    device_posture:
    - {rule: '${recent}', message: Upgrade to something recent.}
`,
  );
  await cluster.admin("users", "update", "anna", "--set-roles=access,editor,prod");
  assert.equal((await cluster.login(anna.machine, anna.person)).code, 0);
  const refused = await anna.machine.tsh("ssh", cluster.target, "true");
  assertRefused(refused, 1, /access denied to root/, /the role "prod" demands of the device/);
  await cluster.admin("users", "update", "anna", "--set-roles=access,editor");
  assert.equal((await cluster.login(anna.machine, anna.person)).code, 0);
  await assertOpens(anna.machine, cluster.target);
});

test("a session ends when what is known of its device changes", async () => {
  await storeRules(own);
  const shell = anna.machine.open("tsh", "ssh", cluster.target);
  await shell.until(/# $/);
  const editor = anna.machine.script(
    "give-away",
    '#!/bin/sh\nsed -i "s/owner: anna/owner: bert/" "$1"\n',
  );
  const edited = await cluster.tctl(["edit", "device/LAPTOP-A"], "", { EDITOR: editor });
  assert.equal(edited.code, 0, edited.shown);
  assert.notEqual(await shell.end(), 0, shell.screen);
  assert.match(shell.screen, /the device does not meet a posture rule: device\.owner == user/);
});
