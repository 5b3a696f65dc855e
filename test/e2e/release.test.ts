/** What `npm run release` packs works on its own: without checkout, npm and other packages. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { productVersion } from "#base/version.ts";
import { Cluster } from "../support/cluster.ts";

const root = join(import.meta.dirname, "../..");
const work = mkdtempSync(join(tmpdir(), "release-"));
const name = `gatehouse-${productVersion}-${process.platform}-${process.arch}`;
const programs = join(work, name, "bin");
let cluster: Cluster | undefined;

before(() => {
  const packed = ["tools/release.ts", `--output=${work}`];
  execFileSync(process.execPath, packed, { cwd: root, stdio: "pipe" });
  execFileSync("sha256sum", ["--check", `${name}.tar.gz.sha256`], { cwd: work, stdio: "pipe" });
  execFileSync("tar", ["-xzf", `${name}.tar.gz`], { cwd: work });
});

after(async () => {
  await cluster?.close();
  rmSync(work, { recursive: true, force: true });
});

test("a program that is linked into a folder of the PATH finds its release", () => {
  const linked = join(work, "linked");
  mkdirSync(linked);
  symlinkSync(join(programs, "tsh"), join(linked, "tsh"));
  const env = { PATH: `${linked}:/usr/bin:/bin`, HOME: work };
  const said = execFileSync("tsh", ["version"], { env, encoding: "utf8" });
  assert.match(said, new RegExp(`^Gatehouse v${productVersion} node\\d+`, "u"));
});

test("a cluster of the release takes a login and opens a terminal", async () => {
  cluster = await Cluster.start({ programs, nodename: "node1", logins: ["root"] });
  const machine = await cluster.machine("RELEASE1", { tpm: false });
  const login = await cluster.login(machine, await cluster.acceptInvitation());
  assert.equal(login.code, 0, login.stderr);
  assert.match(await cluster.admin("status"), /Cluster/u);
  // A terminal needs the native module; the node may join a moment after the proxy is ready.
  for (let tries = 0; tries < 50; tries++) {
    if ((await machine.tsh("ls", "--format=names")).stdout === "node1\n") break;
  }
  const terminal = machine.open("tsh", "ssh", "-t", "root@node1", "tty");
  assert.equal(await terminal.end(), 0, terminal.screen);
  assert.match(terminal.screen, /\/dev\/pts\/\d+/u);
});
