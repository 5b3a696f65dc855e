/** What people mistype, and what breaks around a cluster: one clear sentence, what to do, the right exit code. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { askWeb } from "../support/cluster/invitation.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { assertRefused } from "../support/cluster/refused.ts";
import { Cluster, password } from "../support/cluster.ts";

let cluster: Cluster;
let machine: Machine;

before(async () => {
  cluster = await Cluster.start();
  machine = await cluster.machine("LAPTOP001", { tpm: false });
});

after(() => cluster?.close());

const login = (user: string, stdin: string, ...flags: string[]) =>
  machine.run("tsh", ["login", `--proxy=${cluster.proxy}`, `--user=${user}`, ...flags], { stdin });

test("a wrong password, a wrong code and an unknown user read the same", async () => {
  await cluster.addUser("alice", ["access"]);
  const texts = [];
  for (const [user, secret] of [
    ["alice", "wrong password!"],
    ["alice", password],
    ["nobody", password],
  ]) {
    const ran = await login(user ?? "", `${secret}\n000000\n`, "--insecure");
    assertRefused(ran, 1, /invalid username, password or second factor$/, /tctl users reset/);
    texts.push(ran.stderr.replaceAll(user ?? "", "USER"));
  }
  assert.equal(new Set(texts).size, 1, texts.join("\n"));
});

test("an untrusted web certificate is named, with the way to trust it", async () => {
  const ran = await login("alice", `${password}\n000000\n`);
  assertRefused(
    ran,
    1,
    /the web certificate of localhost:\d+ is not trusted: it is self-signed/,
    /--insecure/,
  );
});

test("a proxy that nobody listens at is named", async () => {
  const closed = await closedPort();
  const ran = await machine.tsh("login", `--proxy=localhost:${closed}`, "--user=alice");
  assertRefused(ran, 1, new RegExp(`localhost:${closed}`), /./);
});

test("a proxy whose name does not exist is named", async () => {
  const ran = await machine.tsh("login", "--proxy=nowhere.invalid:443", "--user=alice");
  assertRefused(ran, 1, /nowhere\.invalid/, /./);
});

test("an invitation works once, and an unknown link says how to get a new one", async () => {
  await cluster.acceptInvitation();
  for (const url of [cluster.invitation, `https://${cluster.proxy}/web/invite/no-such-token`]) {
    const page = await askWeb(url);
    assert.equal(page.status, 404);
    assert.match(page.text, /has expired, was used already.*tctl users reset/s);
  }
});

test("a short-lived invitation expires", async () => {
  const added = await cluster.admin(
    "users",
    "add",
    "late",
    "--roles=access",
    "--ttl=1s",
    "--logins=root",
  );
  const url = /https:\S+/.exec(added)?.[0] ?? "";
  let page = await askWeb(url);
  // The page is good until the second is over; nothing tells when, but the answer itself.
  for (const end = Date.now() + 10_000; page.status === 200 && Date.now() < end; )
    page = await askWeb(url);
  assert.equal(page.status, 404);
  assert.match(page.text, /This link does not work/);
});

test("broken YAML is refused whole, with file, line, column and the nearest word", async () => {
  machine.script(
    "broken.yaml",
    "kind: role\nversion: v7\nmetadata:\n  name: before\n---\nkind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n  options:\n    device_trust_mod: required\n",
  );
  const broken = await cluster.tctl(["create", `${machine.home}/broken.yaml`]);
  assertRefused(
    broken,
    1,
    /broken\.yaml:12:5: spec\.options: unknown key "device_trust_mod" \(did you mean "device_trust_mode"\?\)/,
  );
  assert.equal((await cluster.tctl(["get", "role/before"])).code, 1, "nothing was stored");
  const torn = await cluster.tctl(["create"], "kind: role\nmetadata: {name: x\n");
  assertRefused(torn, 1, /:\d+:\d+: /);
});

test("a resource that is there already is kept, and replacing it is explained", async () => {
  const role =
    "kind: role\nversion: v7\nmetadata:\n  name: twice\nspec:\n  allow:\n    logins: [root]\n";
  assert.equal((await cluster.tctl(["create"], role)).code, 0);
  const again = await cluster.tctl(["create"], role.replace("root", "other"));
  assertRefused(again, 1, /role "twice" already exists/, /tctl create -f/);
  assert.match(await cluster.admin("get", "role/twice"), /- root/);
});

test("an unknown role is named, wherever it is given", async () => {
  const add = await cluster.tctl(["users", "add", "dave", "--roles=nope"]);
  assertRefused(add, 1, /role nope is not found/);
  const user = "kind: user\nversion: v2\nmetadata:\n  name: dave\nspec:\n  roles: [nope]\n";
  const create = await cluster.tctl(["create"], user);
  assertRefused(create, 1, /role "?nope"? is not found/);
  assert.equal((await cluster.tctl(["get", "users/dave"])).code, 1, "nothing was stored");
});

test("a wrong flag ends with 2 and the nearest word", async () => {
  const ran = await machine.tsh("login", "--prox=x");
  assertRefused(ran, 2, /--prox/, /--proxy/);
});

test("a port that another program holds is named, and the other program goes on", async () => {
  const other = createServer((socket) => socket.end("still here"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  try {
    const ran = await machine.run("gatehouse", [
      "quickstart",
      "--data-dir=d",
      `--listen=127.0.0.1:${port}`,
    ]);
    assertRefused(ran, 1, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`), /--listen/);
    assert.equal(other.listening, true);
  } finally {
    other.close();
  }
});

async function closedPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

test("an address that this machine does not have is told with one that it has", async () => {
  for (const listen of ["nowhere.invalid:3080", "192.0.2.1:3080"]) {
    const ran = await machine.run("gatehouse", [
      "quickstart",
      "--data-dir=d2",
      `--listen=${listen}`,
    ]);
    assertRefused(ran, 1, /cannot listen on .*: this machine has no such address$/, /127\.0\.0\.1/);
  }
});

test("a resource that is too large is named, with its size and what helps", async () => {
  const logins = Array.from({ length: 150_000 }, (_, at) => `login${String(at).padStart(15, "0")}`);
  const role = `kind: role\nversion: v7\nmetadata: {name: big}\nspec: {allow: {logins: [${logins}]}}\n`;
  assert.ok(role.length > 3_000_000);
  const refused = await cluster.tctl(["create"], role);
  assertRefused(refused, 1, /role "big" is too large: \d+ bytes, at most 1048576$/, /divide it/);
  assert.equal((await cluster.tctl(["get", "role/big"])).code, 1, "nothing was stored");
});

test("the document of a file that the cluster refuses is named by its place", async () => {
  const user = (name: string, role: string) =>
    `kind: user\nversion: v2\nmetadata: {name: ${name}}\nspec: {roles: [${role}]}\n`;
  const ran = await cluster.tctl(["create"], `${user("eve", "access")}---\n${user("fay", "nope")}`);
  assert.equal(ran.code, 1);
  assert.match(ran.shown, /^user "eve" has been created$/m);
  assert.match(ran.shown, /^ERROR: -:6: role "?nope"? is not found$/m);
});

test("output that was closed before the program began is not lost without a word", async () => {
  for (const words of [
    ["tsh", "version"],
    ["tsh", "--help"],
    ["gatehouse", "version"],
  ]) {
    const closed = await machine.run("sh", ["-c", `exec ${words.join(" ")} >&-`]);
    assertRefused(closed, 1, /standard output is closed$/, />\/dev\/null/);
    const thrown = await machine.run("sh", ["-c", `exec ${words.join(" ")} >/dev/null`]);
    assert.deepEqual([thrown.code, thrown.stderr], [0, ""]);
  }
});
