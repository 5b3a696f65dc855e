/**
 * A thief copies everything that a person keeps on disk (profile, state, known hosts) to another machine. The promise:
 * nothing that requires a trusted device opens there, because the key that proves the device never was on disk.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertOpens, logInAt, storeDeviceMode } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";

const tag = "OWNER0001";

let cluster: Cluster;
let owner: Machine;
let thief: Machine;

before(async () => {
  cluster = await Cluster.start();
  const roles = ["access", "editor", "require-trusted-device"];
  ({ machine: owner } = await logInAt(cluster, { serial: tag, name: "alice", roles }));
  thief = await cluster.machine("THIEF0001");
});

after(() => cluster?.close());

test("enrolling opens the door for the login that is there already", async () => {
  const refused = await owner.tsh("ssh", cluster.target, "true");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^ERROR: access denied to root connecting to ip-172-31-35-170:0\n/);
  assert.match(refused.stderr, /hint: the role "require-trusted-device" requires a trusted device/);

  const enrolled = await owner.tsh("device", "enroll", "--current-device");
  assert.equal(enrolled.stdout, `Device "${tag}"/Linux registered and enrolled\n`);
  await assertOpens(owner, cluster.target);
  const status = await owner.tsh("status");
  assert.match(
    status.stdout,
    /teleport-device-asset-tag, teleport-device-credential-id, teleport-device-id\n/,
  );
});

test("no private key on disk belongs to a certificate that names the device", () => {
  const files = filesBelow(owner.home);
  const keys = files.filter((file) => readFileSync(file, "latin1").includes("PRIVATE KEY"));
  const ssh = files.filter((file) => file.endsWith("-cert.pub"));
  const named = ssh.filter((file) => keygen("-L", "-f", file).includes("teleport-device-id"));
  assert.ok(keys.length > 0, "the profile holds the keys of the plain login");
  assert.ok(named.length > 0, "the profile caches the public certificate of the device");
  const onDisk = keys.map((file) => fingerprintOf(keygen("-l", "-f", file)));
  for (const file of named) {
    assert.ok(
      !onDisk.includes(fingerprintOf(keygen("-l", "-f", file))),
      `${file} has its key beside it`,
    );
  }
  for (const file of files.filter((name) => name.endsWith(".crt"))) {
    const { raw } = new X509Certificate(readFileSync(file));
    assert.ok(!raw.includes(tag), `${file} names the device`);
  }
});

test("the copied home opens nothing that requires a device, whoever demands it", async () => {
  owner.copyHomeTo(thief);
  const byRole = await thief.tsh("ssh", cluster.target, "echo inside");
  assert.equal(byRole.code, 1);
  assert.equal(byRole.stdout, "");
  assert.match(byRole.stderr, /^ERROR: access denied to root connecting to ip-172-31-35-170:0\n/);
  assert.doesNotMatch((await thief.tsh("status")).stdout, /teleport-device/);

  const login = await thief.tsh("login");
  assert.match(login.stderr, /WARNING: this device was not authenticated/);
  assert.equal((await thief.tsh("ssh", cluster.target, "true")).code, 1);
  const enroll = await thief.tsh("device", "enroll", "--token=0000");
  assert.equal(enroll.code, 1);
});

test("where the cluster demands a device, a login without one is turned away with the cluster's words", async () => {
  await storeDeviceMode(cluster, "required");
  const visitor = await cluster.addUser("bob", ["access"]);
  assert.equal((await cluster.login(thief, visitor)).code, 0);
  const refused = await thief.tsh("ssh", cluster.target, "echo inside");
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
  assert.match(
    refused.stderr,
    /^ERROR: ssh: rejected: administratively prohibited \(unauthorized device\)\n\nhint: /,
  );
});

test("the owner's machine goes on working all the while", async () => {
  await assertOpens(owner, cluster.target);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function keygen(...args: string[]): string {
  return execFileSync("ssh-keygen", args, { encoding: "utf8" });
}

function fingerprintOf(listing: string): string {
  return /SHA256:\S+/.exec(listing)?.[0] ?? assert.fail(`no fingerprint in ${listing}`);
}
