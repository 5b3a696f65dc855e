import assert from "node:assert/strict";
import { test } from "node:test";
import { buildLaunch, isFileCopy } from "#node/session/command.ts";

const account = { name: "ubuntu", uid: 1000, gid: 100, home: "/home/ubuntu", shell: "/bin/zsh" };
const place = { env: { A: "b" }, cwd: "/home/ubuntu" };
const own = { switchUser: false, bash: undefined };
const other = { switchUser: true, bash: "/bin/bash" };
const setpriv = ["--reuid=1000", "--regid=100", "--init-groups", "--"];

test("an own shell is a login shell by its zeroth argument", () => {
  const launch = buildLaunch(account, { type: "shell" }, place, own);
  assert.deepEqual([launch.file, launch.args, launch.argv0], ["/bin/zsh", [], "-zsh"]);
});

test("another account's shell gets its ids, all its groups, and the zeroth argument", () => {
  const { file, args } = buildLaunch(account, { type: "shell" }, place, other);
  assert.equal(file, "setpriv");
  const shell = ["/bin/bash", "-c", 'exec -a "$0" "$1"', "-zsh", "/bin/zsh"];
  assert.deepEqual(args, [...setpriv, ...shell]);
});

test("without a bash the shell is told to be a login shell", () => {
  const tools = { switchUser: true, bash: undefined };
  const { args } = buildLaunch(account, { type: "shell" }, place, tools);
  assert.deepEqual(args.slice(-2), ["/bin/zsh", "-l"]);
});

test("a command is one argument of the account's shell, whatever it contains", () => {
  const command = `echo 'a'; "$(id)" \n --`;
  const { args } = buildLaunch(account, { type: "exec", command }, place, other);
  assert.deepEqual(args, [...setpriv, "/bin/zsh", "-c", command]);
});

test("the file server runs through the account's shell, so that nologin means no files", () => {
  const server = "/usr/lib/openssh/sftp-server";
  const { args } = buildLaunch(account, { type: "sftp", server }, place, own);
  assert.deepEqual(args, ["-c", `exec '${server}'`]);
});

test("a terminal is prepared before the rights are given up", () => {
  const { file, args } = buildLaunch(
    account,
    { type: "exec", command: "x" },
    { ...place, terminalSetup: "chown 1000 t" },
    other,
  );
  const rest = ["setpriv", ...setpriv, "/bin/zsh", "-c", "x"];
  assert.deepEqual([file, ...args], ["/bin/sh", "-c", 'chown 1000 t\nexec "$@"', "sh", ...rest]);
});

test("knows the far ends of file copies", () => {
  for (const command of [
    "scp -t /x",
    "scp -r -p -f -- a",
    "/usr/bin/scp -qt .",
    "rsync --server -e.iLsfxC . /x",
    "  /usr/lib/openssh/sftp-server",
  ]) {
    assert.equal(isFileCopy(command), true, command);
  }
  for (const command of ["", "scp a b", "rsync a b", "echo scp -t", "cat scp"]) {
    assert.equal(isFileCopy(command), false, command);
  }
});
