import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { isFault } from "#base/fault.ts";
import { withProfileLock } from "#client/profile/lock.ts";
import {
  findCurrentHost,
  findLastProxy,
  findLogin,
  getLogin,
  listHosts,
} from "#client/profile/logins.ts";
import { loginPaths } from "#client/profile/paths.ts";
import { readCredentials, removeLogin, saveLogin } from "#client/profile/store.ts";
import { readSshAuthorities, readTlsAuthorities } from "#client/profile/trust.ts";
import { testAuthorities, testCredentials } from "../../../test/support/client/credentials.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "profile-"));
  folders.push(folder);
  return join(folder, ".tsh");
}

const document = {
  webProxyAddr: "localhost:3080",
  kubeProxyAddr: "",
  user: "alice",
  cluster: "main",
  tlsRouting: true,
  connectionUpgrade: false,
};

test("a saved login is the current one and comes back whole", async () => {
  const folder = newFolder();
  const credentials = testCredentials();
  await saveLogin(folder, document, credentials, testAuthorities("main"));
  assert.equal(findCurrentHost(folder), "localhost");
  assert.deepEqual(listHosts(folder), ["localhost"]);
  const login = await getLogin(folder);
  assert.deepEqual(login.document, document);
  assert.deepEqual(await readCredentials(login), credentials);
  assert.equal(readTlsAuthorities(folder, login.key).length, 1);
  assert.equal(readSshAuthorities(folder, login.key).length, 1);
});

test("every file is 0600 and every folder 0700, whatever the umask", async () => {
  const folder = newFolder();
  const before = process.umask(0);
  try {
    const { key } = await saveLogin(folder, document, testCredentials(), testAuthorities("main"));
    const paths = loginPaths(folder, key);
    for (const file of [paths.sshKey, paths.tlsKey, paths.sshCertificate, paths.authority]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    for (const path of [folder, paths.keys, paths.sshCertificates]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    }
  } finally {
    process.umask(before);
  }
});

test("the proxy of the login that ended is remembered, so that logging in again needs no address", async () => {
  const folder = newFolder();
  assert.equal(findLastProxy(folder), undefined);
  await removeLogin(await saveLogin(folder, document, testCredentials(), testAuthorities("main")));
  assert.equal(findLastProxy(folder), "localhost:3080");
});

test("logout leaves nothing of the login", async () => {
  const folder = newFolder();
  const login = await saveLogin(folder, document, testCredentials(), testAuthorities("main"));
  await removeLogin(login);
  assert.equal(findCurrentHost(folder), undefined);
  assert.deepEqual(listHosts(folder), []);
  assert.throws(() => statSync(loginPaths(folder, login.key).keys));
  await assert.rejects(getLogin(folder), (error) => isFault(error, "not-found"));
});

test("a login of a client older than version 17 is read: one key for SSH and TLS", async () => {
  const folder = newFolder();
  const { key } = await saveLogin(folder, document, testCredentials(), testAuthorities("main"));
  const paths = loginPaths(folder, key);
  const { tlsKey, tlsCertificate } = testCredentials();
  writeFileSync(paths.sshKey, tlsKey);
  writeFileSync(paths.oldTlsCertificate, tlsCertificate);
  rmSync(paths.tlsKey);
  rmSync(paths.tlsCertificate);
  const read = await readCredentials(await getLogin(folder));
  assert.equal(read.tlsKey, tlsKey);
  assert.equal(read.tlsCertificate, tlsCertificate);
});

test("a certificate that is not of the key beside it is refused with the way out", async () => {
  const folder = newFolder();
  const login = await saveLogin(folder, document, testCredentials(), testAuthorities("main"));
  writeFileSync(loginPaths(folder, login.key).tlsKey, testCredentials().tlsKey);
  await assert.rejects(
    readCredentials(login),
    (error) => isFault(error, "not-found") && /tsh login/.test(error.hint ?? ""),
  );
});

test("a server cannot place files outside the folder with the names it sends", async () => {
  const folder = newFolder();
  for (const bad of [{ user: "../x" }, { cluster: "../../x" }, { webProxyAddr: "..:443" }]) {
    await assert.rejects(
      saveLogin(folder, { ...document, ...bad }, testCredentials(), testAuthorities("main")),
      (error) => isFault(error, "invalid"),
    );
  }
  await assert.rejects(
    saveLogin(folder, document, testCredentials(), [
      ...testAuthorities("main"),
      ...testAuthorities("../../etc"),
    ]),
    (error) => isFault(error, "invalid"),
  );
});

test("a current-profile file that points elsewhere is refused", async () => {
  const folder = newFolder();
  await saveLogin(folder, document, testCredentials(), testAuthorities("main"));
  writeFileSync(join(folder, "current-profile"), "../../other");
  await assert.rejects(findLogin(folder), (error) => isFault(error, "invalid"));
});

test("a profile folder that cannot be made is named", async () => {
  const file = join(newFolder(), "..", "file");
  writeFileSync(file, "");
  await assert.rejects(
    saveLogin(join(file, ".tsh"), document, testCredentials(), testAuthorities("main")),
    (error) => isFault(error, "environment") && error.message.includes(file),
  );
});

test("two processes that log in at once leave one consistent login", async () => {
  const folder = newFolder();
  const writer = new URL("../../../test/support/client/save-login.ts", import.meta.url).pathname;
  const run = () => promisify(execFile)(process.execPath, [writer, folder, "20"]);
  let running = true;
  const writers = Promise.all([run(), run(), run()]).finally(() => {
    running = false;
  });
  let reads = 0;
  while (running) {
    const login = await findLogin(folder);
    if (login !== undefined) {
      await readCredentials(login);
      reads++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writers;
  assert.ok(reads > 0);
  await readCredentials(await getLogin(folder));
});

test("a lock left by a process that is gone is taken over; a live one is respected", async () => {
  const folder = newFolder();
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, ".profile.lock");
  writeFileSync(lock, "4194305 dead\n");
  assert.equal(
    await withProfileLock(folder, () => readFileSync(lock, "utf8").split(" ")[0]),
    `${process.pid}`,
  );
  const order: string[] = [];
  writeFileSync(lock, `${process.pid} alive\n`);
  const waiting = withProfileLock(folder, () => order.push("second"));
  setTimeout(() => {
    order.push("first");
    rmSync(lock);
  }, 50);
  await waiting;
  assert.deepEqual(order, ["first", "second"]);
});
