/** The audit log tells the whole story in order, and a login that fails too often is closed and told there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { enroll } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster, type Person, password } from "../support/cluster.ts";

let cluster: Cluster;
let machine: Machine;
let person: Person;

before(async () => {
  cluster = await Cluster.start();
  machine = await cluster.machine("LAPTOP001");
});

after(() => cluster?.close());

type Event = Readonly<Record<string, unknown>>;

/** All events, oldest first. */
async function events(...flags: string[]): Promise<Event[]> {
  const text = await cluster.admin("audit", "ls", "--format=json", "--limit=1000", ...flags);
  return (JSON.parse(text) as Event[]).toReversed();
}

/** Checks that the kinds come in this order, others in between. */
function assertOrder(all: readonly Event[], wanted: readonly string[]): void {
  const kinds = all.map((event) => `${event["event"]} ${event["code"]}`);
  let from = 0;
  for (const kind of wanted) {
    const at = kinds.indexOf(kind, from);
    assert.ok(
      at >= 0,
      `${kind} is missing after ${kinds[from - 1] ?? "the start"} in:\n${kinds.join("\n")}`,
    );
    from = at + 1;
  }
}

test("from the invitation to the enrolled device, every act is there in its order", async () => {
  person = await cluster.acceptInvitation();
  assert.equal((await cluster.login(machine, person)).code, 0);
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 0);
  const editor = machine.script(
    "editor",
    "#!/bin/sh\nsed -i 's/^  options:$/&\\n    device_trust_mode: required/' \"$1\"\n",
  );
  const edited = await machine.run("tctl", ["edit", "role/access"], { env: { EDITOR: editor } });
  assert.equal(edited.code, 0, edited.stderr);
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 1);
  await enroll(machine);
  assert.equal((await machine.tsh("ssh", cluster.target, "true")).code, 0);

  assertOrder(await events(), [
    "user.create T1002I",
    "reset_password_token.create T6000I",
    "user.password_change T1005I",
    "mfa.add T1006I",
    "user.login T1000I",
    "cert.create TC000I",
    "session.start T2000I",
    "exec T3002I",
    "session.end T2004I",
    "role.updated T9002I",
    "auth T3007W",
    "device.create TV001I",
    "device.token.create TV003I",
    "device.token.spent TV004I",
    "device.enroll TV005I",
    "device.authenticate TV006I",
    "cert.create TC000I",
    "session.start T2000I",
    "exec T3002I",
    "session.end T2004I",
  ]);
});

test("a session on a trusted device names the device, one without names none", async () => {
  const starts = (await events("--kind=session.start")).filter(({ user }) => user === "myuser");
  assert.equal(starts.length, 2);
  const [plain, trusted] = starts.map((event) => JSON.stringify(event));
  assert.doesNotMatch(plain ?? "", /LAPTOP001/);
  assert.match(trusted ?? "", /"asset_tag":"LAPTOP001"/);
});

test("events are found by kind, by user and by device", async () => {
  for (const event of await events("--kind=user.login")) assert.equal(event["event"], "user.login");
  for (const event of await events("--user=myuser")) assert.equal(event["user"], "myuser");
  const byDevice = await events("--device=LAPTOP001");
  assertOrder(byDevice, ["device.create TV001I", "device.enroll TV005I"]);
  for (const event of byDevice) assert.match(JSON.stringify(event), /LAPTOP001/);
});

test("no event holds a secret", async () => {
  const text = JSON.stringify(await events());
  assert.ok(!text.includes(password));
  const link = cluster.invitation.split("/").at(-1) ?? assert.fail("no token in the link");
  assert.ok(!text.includes(link));
  assert.doesNotMatch(text, /PRIVATE KEY/);
});

test("five wrong passwords close the login even for the right one, and the log tells each", async () => {
  const guest = await cluster.addUser("guest", ["access"]);
  for (let i = 0; i < 5; i++) {
    const stdin = `wrong password ${i}\n000000\n`;
    const args = ["login", `--proxy=${cluster.proxy}`, "--user=guest", "--insecure"];
    assert.equal((await machine.run("tsh", args, { stdin })).code, 1);
  }
  const right = await cluster.login(machine, guest);
  assert.equal(right.code, 1);
  const failures = (await events("--kind=user.login", "--user=guest")).filter(
    ({ code }) => code === "T1000W",
  );
  assert.ok(failures.length >= 6, `${failures.length} failures in the log`);
});

test("the same events stand as JSON lines in the data folder", async () => {
  const folder = join(cluster.dataDir, "audit");
  assert.ok(existsSync(folder));
  const lines = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8").trim().split("\n"))
    .map((line) => (JSON.parse(line) as Event)["uid"]);
  for (const { uid, event } of await events()) assert.ok(lines.includes(uid), `${event} ${uid}`);
});
