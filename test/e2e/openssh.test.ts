/** OpenSSH's own programs, and what stands on them, reach a server through `tsh config` and `tsh proxy ssh`. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { logInAt } from "../support/cluster/login.ts";
import type { Machine, Ran } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";

const host = "ip-172-31-35-170.main";
const target = `root@${host}`;

let cluster: Cluster;
let machine: Machine;
let config: string;
let remote: string;

before(async () => {
  cluster = await Cluster.start({ cluster: "main" });
  const roles = ["access", "editor", "require-trusted-device"];
  const alice = { serial: "LAPTOP001", name: "alice", roles, enroll: true };
  ({ machine } = await logInAt(cluster, alice));
  await writeConfig();
  remote = join(cluster.folder, "remote");
  mkdirSync(remote);
});

after(() => cluster?.close());

async function writeConfig(): Promise<void> {
  config = join(machine.home, "ssh_config");
  writeFileSync(config, `${(await machine.tsh("config")).stdout}\nHost *\n  BatchMode yes\n`);
}

function assertDone(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.shown);
  return ran;
}

test("ssh runs a command, passes its input, and gives its exit code", async () => {
  const echo = await machine.run("ssh", ["-F", config, target, "cat; exit 7"], {
    stdin: "inside\n",
  });
  assert.deepEqual([echo.stdout, echo.code], ["inside\n", 7], echo.stderr);
});

test("scp, sftp and rsync carry a file there and back unchanged", async () => {
  const bytes = Buffer.alloc(300_000, "gatehouse\n");
  writeFileSync(join(machine.home, "there"), bytes);
  const path = (name: string) => join(remote, name);

  assertDone(await machine.run("scp", ["-F", config, "there", `${target}:${path("scp")}`]));
  assertDone(await machine.run("scp", ["-F", config, `${target}:${path("scp")}`, "scp-back"]));

  const batch = `put there ${path("sftp")}\nget ${path("sftp")} sftp-back\n`;
  assertDone(await machine.run("sftp", ["-F", config, "-b", "-", target], { stdin: batch }));

  const shell = ["-e", `ssh -F ${config}`];
  assertDone(await machine.run("rsync", [...shell, "there", `${target}:${path("rsync")}`]));
  assertDone(await machine.run("rsync", [...shell, `${target}:${path("rsync")}`, "rsync-back"]));

  for (const way of ["scp", "sftp", "rsync"]) {
    assert.deepEqual(readFileSync(path(way)), bytes, way);
    assert.deepEqual(readFileSync(join(machine.home, `${way}-back`)), bytes, way);
  }
});

test("git clones and pushes", async () => {
  const env = {
    GIT_SSH_COMMAND: `ssh -F ${config}`,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "A",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "A",
    GIT_COMMITTER_EMAIL: "a@example.com",
  };
  const git = (...args: string[]) => machine.run("git", args, { env });
  const repository = join(remote, "repository.git");
  assertDone(await git("init", "-q", "--bare", "-b", "main", repository));
  assertDone(await git("clone", "-q", `ssh://${target}${repository}`, "work"));
  assertDone(await git("-C", "work", "commit", "-q", "--allow-empty", "-m", "first"));
  assertDone(await git("-C", "work", "push", "-q", "origin", "HEAD:main"));
  assert.match(
    assertDone(await git("-C", repository, "log", "--format=%s", "main")).stdout,
    /^first$/m,
  );
});

test("a server that shows another host key is not spoken to", async () => {
  const wrong = join(machine.home, "wrong_hosts");
  writeFileSync(wrong, "");
  const ran = await machine.run("ssh", [
    "-F",
    config,
    "-o",
    `UserKnownHostsFile=${wrong}`,
    target,
    "true",
  ]);
  assert.equal(ran.code, 255);
  assert.match(ran.stderr, /Host key verification failed/);
});

test("after logout the same configuration opens nothing", async () => {
  assertDone(await machine.tsh("logout"));
  const ran = await machine.run("ssh", ["-F", config, target, "echo inside"]);
  assert.equal(ran.code, 255);
  assert.equal(ran.stdout, "");
});
