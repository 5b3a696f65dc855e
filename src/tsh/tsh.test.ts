/** Whole commands against a fake cluster: what a person types and reads. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nodeName } from "../../test/support/client/fake-cluster.ts";
import { startTestHome } from "../../test/support/client/tsh.ts";

async function start(context: TestContext, options: Parameters<typeof startTestHome>[0] = {}) {
  const home = await startTestHome(options);
  context.after(() => home.close());
  return home;
}

function workFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsh-files-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("status prints the block of the guide", async (context) => {
  const { run, cluster } = await start(context);
  const { stdout, code } = await run(["status"]);
  assert.equal(code, 0);
  const validity =
    /^ {2}Valid until: {8}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+ \[valid for (1h0m0s|59m0s)\]$/m;
  assert.match(stdout, validity);
  assert.equal(
    stdout.replace(validity, "  Valid until:        TIME"),
    `> Profile URL:        localhost:${cluster.port}
  Logged in as:       alice
  Cluster:            example.com
  Roles:              access
  Logins:             root, ubuntu
  Kubernetes:         disabled
  Valid until:        TIME
  Extensions:         login-ip, permit-agent-forwarding, permit-port-forwarding, permit-pty, private-key-policy

`,
  );
});

test("status needs no network, and has the official JSON", async (context) => {
  const { run, cluster } = await start(context);
  await cluster.close();
  const { stdout } = await run(["status", "--format=json"]);
  const { active, profiles } = JSON.parse(stdout);
  assert.deepEqual(profiles, []);
  assert.equal(active.profile_url, `https://localhost:${cluster.port}`);
  assert.deepEqual(active.logins, ["root", "ubuntu"]);
  assert.deepEqual(active.roles, ["access"]);
});

test("ls prints the guide's table, a node that dialled in as a tunnel", async (context) => {
  const { run } = await start(context);
  const { stdout } = await run(["ls"]);
  assert.equal(
    stdout.replaceAll(/ +$/gm, ""),
    `Node Name        Address     Labels
---------------- ----------- -------
db-1             10.0.0.7:22 env=dev
ip-172-31-35-170 ⟵ Tunnel    env=dev
`,
  );
  const verbose = await run(["ls", "--verbose"]);
  assert.match(verbose.stdout, /^Node Name +Node ID +Address +Labels/);
  const json = await run(["ls", "--format=json", "env=dev"]);
  assert.equal(JSON.parse(json.stdout)[0].spec.hostname, "db-1");
  assert.equal((await run(["ls", "--format=names"])).stdout, `db-1\n${nodeName}\n`);
});

test("a broken predicate is told as the cluster tells it", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ls", "--query", "foo("]);
  assert.equal(code, 1);
  assert.match(stderr, /^ERROR: expected "\)" at 1:5\n/);
});

test("ssh runs a command with its input, both outputs and exit code", async (context) => {
  const { run } = await start(context);
  const ran = await run(["ssh", `root@${nodeName}`, "cat; echo problem >&2"], { stdin: "hello" });
  assert.deepEqual(ran, { code: 0, stdout: "hello", stderr: "problem\n" });
});

test("ssh passes the exit code on, and says so", async (context) => {
  const { run } = await start(context);
  const ran = await run(["ssh", `root@${nodeName}`, "exit", "7"]);
  assert.deepEqual(ran, {
    code: 7,
    stdout: "",
    stderr: "ERROR: Process exited with status 7\n\n",
  });
});

test("a command killed by a signal names the signal", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ssh", `root@${nodeName}`, "kill -9 $$"]);
  assert.equal(code, 137);
  assert.equal(stderr, "ERROR: Process exited with status 137 from signal KILL\n\n");
});

test("large output arrives whole", async (context) => {
  const { run } = await start(context);
  const { stdout } = await run([
    "ssh",
    `root@${nodeName}`,
    "head -c 5000000 /dev/zero | tr '\\0' x",
  ]);
  assert.equal(stdout.length, 5_000_000);
});

test("a login that the node refuses is told in the guide's words, with what the certificate allows", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ssh", `nobodyhere@${nodeName}`, "id"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^ERROR: access denied to nobodyhere connecting to ip-172-31-35-170:0\n\nhint: /,
  );
  assert.match(stderr, /^hint: your roles allow these logins: root, ubuntu$/m);
  assert.match(stderr, /^hint: .*tsh device enroll --current-device$/m);
});

test("a refused session is told in the words of the official client", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ssh", `ubuntu@${nodeName}`, "id"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^ERROR: ssh: rejected: administratively prohibited \(only root may open a session\)\n/,
  );
});

test("a node that is not there is named", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ssh", "root@nonode", "id"]);
  assert.equal(code, 1);
  assert.match(stderr, /^ERROR: failed connecting to host nonode:0: /);
});

test("ssh finds a node by its labels and asks which when several match", async (context) => {
  const { run } = await start(context);
  const { code, stderr } = await run(["ssh", "root@env=dev"]);
  assert.equal(code, 2);
  assert.match(stderr, /^ERROR: 2 nodes match: ip-172-31-35-170, db-1\n/);
});

test("scp copies files both ways and folders with everything in them", async (context) => {
  const { run } = await start(context);
  const folder = workFolder(context);
  const content = randomBytes(700_000);
  writeFileSync(join(folder, "up"), content, { mode: 0o640 });
  const up = await run(["scp", join(folder, "up"), `root@${nodeName}:${folder}/remote`]);
  assert.deepEqual([up.code, up.stderr], [0, ""]);
  const down = await run(["scp", "-p", `root@${nodeName}:${folder}/remote`, join(folder, "down")]);
  assert.deepEqual([down.code, down.stderr], [0, ""]);
  assert.deepEqual(readFileSync(join(folder, "down")), content);
  mkdirSync(join(folder, "tree", "inner"), { recursive: true });
  writeFileSync(join(folder, "tree", "inner", "leaf"), "leaf");
  const tree = await run(["scp", "-r", join(folder, "tree"), `root@${nodeName}:${folder}/copy`]);
  assert.deepEqual([tree.code, tree.stderr], [0, ""]);
  assert.equal(readFileSync(join(folder, "copy", "inner", "leaf"), "utf8"), "leaf");
});

test("scp names a local file that is missing before it connects", async (context) => {
  const { run, cluster } = await start(context);
  const { code, stderr } = await run(["scp", "/nonexist", `root@${nodeName}:/tmp`]);
  assert.equal(code, 1);
  assert.match(stderr, /^ERROR: could not access local path "\/nonexist": no such file/);
  assert.deepEqual(cluster.calls, []);
});

test("scp refuses a folder without --recursive, and a destination that is no folder for several files", async (context) => {
  const { run } = await start(context);
  const folder = workFolder(context);
  writeFileSync(join(folder, "a"), "");
  writeFileSync(join(folder, "b"), "");
  const plain = await run(["scp", folder, `root@${nodeName}:${folder}/x`]);
  assert.match(plain.stderr, /is a folder\n\nhint: .*--recursive/);
  const several = await run([
    "scp",
    join(folder, "a"),
    join(folder, "b"),
    `root@${nodeName}:${folder}/missing`,
  ]);
  assert.match(several.stderr, /is not a folder/);
});

test("env prints lines that a shell can evaluate", async (context) => {
  const { run, cluster } = await start(context);
  assert.equal(
    (await run(["env"])).stdout,
    `export TELEPORT_PROXY=localhost:${cluster.port}\nexport TELEPORT_CLUSTER=example.com\n`,
  );
  assert.equal(
    (await run(["env", "--unset"])).stdout,
    "unset TELEPORT_PROXY\nunset TELEPORT_CLUSTER\n",
  );
});

test("config prints what OpenSSH needs", async (context) => {
  const { run, cluster } = await start(context);
  const { stdout } = await run(["config"]);
  assert.match(stdout, /^Host \*\.example\.com localhost$/m);
  assert.match(
    stdout,
    new RegExp(
      `ProxyCommand "/usr/local/bin/tsh" proxy ssh --cluster=example.com --proxy=localhost:${cluster.port} %r@%h:%p$`,
      "m",
    ),
  );
});

test("logout deletes the keys, and every command then says how to log in", async (context) => {
  const { run, folder } = await start(context);
  assert.equal((await run(["logout"])).stdout, "Logged out all users from all proxies.\n");
  assert.equal(existsSync(join(folder, "keys", "localhost")), false);
  for (const command of [["status"], ["ls"], ["ssh", "root@x"], ["env"]]) {
    const { code, stderr } = await run(command);
    assert.equal(code, 1, command.join(" "));
    assert.match(stderr, /^hint: log in with: tsh login --proxy=/m);
  }
});

test("device enroll wants to know how, and device commands without a TPM say what is missing", async (context) => {
  const { run } = await start(context, {
    env: { GATEHOUSE_TPM: "swtpm:unix:/nonexistent/tpm.sock" },
  });
  const without = await run(["device", "enroll"]);
  assert.match(without.stderr, /^ERROR: required flag --token not provided\n/);
  const missing = await run(["device", "enroll", "--current-device"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^WARNING: GATEHOUSE_TPM and GATEHOUSE_DMI_DIR are set/);
});
