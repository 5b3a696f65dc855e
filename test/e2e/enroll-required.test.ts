/**
 * A cluster that demands a device from its first day: whoever may enroll reaches enrollment without one, with an
 * administrator's token, with a role of their own, or by themselves where the inventory expects them. And the tokens that are
 * out are seen and taken back.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AtMachine, assertOpens, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster, password } from "../support/cluster.ts";

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.start();
  await storeDeviceMode(cluster, "required");
});

after(() => cluster?.close());

async function assertShutOut({ machine }: AtMachine): Promise<void> {
  const refused = await machine.tsh("ssh", cluster.target, "true");
  assertRefused(refused, 1, /unauthorized device/, /enroll this one with: tsh device enroll/);
}

async function logInAgain({ machine, person }: AtMachine): Promise<void> {
  await machine.tsh("logout");
  const login = await cluster.login(machine, person);
  assert.equal(login.code, 0, login.shown);
}

test("the administrator's own first device", async () => {
  const roles = ["access", "editor"];
  const anna = await logInAt(cluster, { serial: "FIRST001", name: "anna", roles });
  await assertShutOut(anna);
  const ran = await anna.machine.tsh("device", "enroll", "--current-device");
  assert.equal(ran.stdout, 'Device "FIRST001"/Linux registered and enrolled\n', ran.stderr);
  await assertOpens(anna.machine, cluster.target);
});

test("somebody without any permission is given the role that may enroll, logs in again, and enrolls", async () => {
  const bert = await logInAt(cluster, { serial: "SECOND01", name: "bert", roles: ["access"] });
  await assertShutOut(bert);
  const refused = await bert.machine.tsh("device", "enroll", "--token=0123456789abcdef");
  assertRefused(refused, 1, /"enroll" on "device"/);
  await cluster.admin("users", "update", "bert", "--set-roles=access,device-enroll");
  await logInAgain(bert);
  const added = await cluster.admin(
    ...["devices", "add", "--os=linux", "--asset-tag=SECOND01", "--enroll"],
  );
  const token = /--token=(\S+)/.exec(added)?.[1] ?? assert.fail(added);
  const ran = await bert.machine.tsh("device", "enroll", `--token=${token}`);
  assert.equal(ran.stdout, 'Device "SECOND01"/Linux enrolled\n', ran.stderr);
  await assertOpens(bert.machine, cluster.target);
});

test("tokens that are out are listed without their secrets, shown, and taken back", async () => {
  const carol = await logInAt(cluster, {
    ...{ serial: "THIRD001", name: "carol", roles: ["access", "device-enroll"] },
  });
  await cluster.admin("devices", "add", "--os=linux", "--asset-tag=THIRD001");
  const made = await cluster.admin("devices", "enroll", "--asset-tag=THIRD001", "--ttl=2h");
  const secret = /--token=(\S+)/.exec(made)?.[1] ?? assert.fail(made);
  const listed = await cluster.admin("devices", "tokens", "ls", "THIRD001");
  const [, id = ""] = /^([0-9a-f]{16}) THIRD001 /m.exec(listed) ?? [];
  assert.ok(!listed.includes(secret), listed);
  const shown = await cluster.admin("devices", "tokens", "show", id);
  assert.match(shown, /^Device: +THIRD001 \(Linux\)/m);
  const json = JSON.parse(await cluster.admin("devices", "tokens", "ls", "--format=json"));
  assert.deepEqual(
    json.map((token: { id: string; asset_tag: string }) => [token.id, token.asset_tag]),
    [[id, "THIRD001"]],
  );
  await cluster.admin("devices", "tokens", "rm", id);
  const ran = await carol.machine.tsh("device", "enroll", `--token=${secret}`);
  assertRefused(ran, 1, /invalid device enrollment token/);
  assertRefused(
    await cluster.tctl(["devices", "tokens", "show", id]),
    1,
    /there is no such enrollment token/,
    /tctl devices tokens ls/,
  );
  const events = JSON.parse(
    await cluster.admin("audit", "ls", "--kind=resource.delete", "--format=json"),
  );
  assert.deepEqual([events[0].kind, events[0].name], ["device_enroll_token", id]);
});

/** What a synced inventory says of a machine. */
function expected(serial: string, profile: string): Promise<void> {
  return cluster.store(
    `kind: device\nversion: v1\nspec:\n  os_type: linux\n  asset_tag: ${serial}\n  profile:\n    ${profile}\n`,
  );
}

async function setAutoEnroll(): Promise<void> {
  await cluster.store(
    "kind: cluster_auth_preference\nversion: v2\nspec:\n  device_trust:\n    mode: required\n    auto_enroll: yes\n",
  );
}

async function lastTokenEvent(): Promise<{ success: boolean; message: string; reason: string }> {
  const text = await cluster.admin("audit", "ls", "--kind=device.token.create", "--format=json");
  return JSON.parse(text)[0];
}

test("a registered device enrolls at the login, when it is what the inventory says, and the person lets it", async () => {
  await setAutoEnroll();
  await expected("FOURTH01", "model_identifier: Some Other Machine");
  const dave = await logInAt(cluster, { serial: "FOURTH01", name: "dave", roles: ["access"] });
  await assertShutOut(dave);
  const refused = await lastTokenEvent();
  assert.deepEqual([refused.success, refused.reason], [false, "auto_enroll_model_identifier"]);
  assert.equal(
    refused.message,
    'model_identifier is "Test Machine", but the device profile says "Some Other Machine"',
  );

  await expected("FOURTH01", "model_identifier: Test Machine");
  const { codes, name } = dave.person;
  await dave.machine.tsh("logout");
  const declined = await dave.machine.run(
    "tsh",
    ["login", `--proxy=${cluster.proxy}`, `--user=${name}`, "--insecure"],
    {
      stdin: `${password}\n${await codes.next()}\n`,
      env: { TELEPORT_DEVICE_AUTO_ENROLL_DISABLED: "1" },
    },
  );
  assert.equal(declined.code, 0, declined.shown);
  await assertShutOut(dave);

  await logInAgain(dave);
  await assertOpens(dave.machine, cluster.target);
  assert.match(await cluster.admin("devices", "ls"), /^FOURTH01 +Linux +enrolled +dave /m);
});

test("an enrolled device is never taken over, by nobody's login", async () => {
  // Another machine, with another TPM, that has learnt the serial number.
  const machine = await cluster.machine("EVIL0001");
  for (const name of ["product_serial", "chassis_asset_tag"]) {
    writeFileSync(join(machine.folder, "dmi", name), "FIRST001\n");
  }
  const person = await cluster.addUser("eve", ["access"]);
  const login = await cluster.login(machine, person);
  assert.equal(login.code, 0, login.shown);
  assert.match(login.shown, /this device cannot enroll by itself\nhint: .*tctl explain \S+$/m);
  await assertShutOut({ machine, person });
  const refused = await lastTokenEvent();
  assert.deepEqual(
    [refused.success, refused.reason, refused.message],
    [false, "auto_enroll_enroll_status", "the device is enrolled already"],
  );
  assert.match(await cluster.admin("devices", "ls"), /^FIRST001 +Linux +enrolled +anna /m);
});
