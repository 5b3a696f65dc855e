/** The real `ssh` and its relatives against a whole node: sessions, terminals, accounts, files, forwarding. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { sameBytes } from "#base/bytes.ts";
import { type SshActor, TestAccount } from "../support/account.ts";
import { NodeCluster } from "../support/node-cluster.ts";
import { OpenSsh, runProgram } from "../support/openssh-programs.ts";
import { gone } from "../support/processes.ts";

let cluster: NodeCluster;
let openssh: OpenSsh;
let account: TestAccount;

before(async () => {
  account = TestAccount.create();
  cluster = await NodeCluster.start();
  await cluster.setRole("access", {
    allow: {
      logins: ["root", "nobodyhere", account.name],
      node_labels: { env: "dev" },
    },
    options: { forward_agent: true },
  });
  openssh = new OpenSsh(cluster.port, cluster.auth.context.authorities.ssh("host").publicKey);
  openssh.addKey("id", cluster.certify({ logins: ["root", "nobodyhere", account.name] }));
});

after(async () => {
  openssh.remove();
  await cluster.close();
  account.remove();
});

const asAccount = (): SshActor => ({ account: account.name });

test("a command runs as the account, and its exit status comes back", async () => {
  const { code, stdout, stderr } = await openssh.ssh(['echo "$USER $HOME"; echo no >&2; exit 7']);
  assert.deepEqual([code, stdout.toString(), stderr], [7, "root /root\n", "no\n"]);
});

test("an ordinary account gets its own ids, groups and home, and nothing of the node's environment", async () => {
  const command = 'id -un; id -Gn; pwd; echo "$HOME:$SHELL:$LOGNAME"; env | grep -c NODE_TEST';
  const { stdout } = await openssh.ssh([command], asAccount());
  assert.deepEqual(stdout.toString().split("\n"), [
    account.name,
    `${account.name} ${account.group}`,
    account.home,
    `${account.home}:/bin/bash:${account.name}`,
    "0",
    "",
  ]);
});

test("a terminal belongs to the account and starts a login shell", async () => {
  const input = 'stat -c %U "$(tty)"; echo "$SSH_TTY" = "$(tty)"; echo $0; stty size; exit\n';
  const { code, stdout } = await openssh.ssh(["-tt", ""], { ...asAccount(), input });
  const lines = stripVTControlCharacters(stdout.toString()).split("\r\n");
  assert.equal(code, 0, stdout.toString());
  assert.ok(
    lines.some((line) => line.endsWith(account.name)),
    stdout.toString(),
  );
  assert.ok(lines.some((line) => /^(\/dev\/pts\/\d+) = \1$/.test(line)));
  assert.ok(lines.includes("-bash"), stdout.toString());
});

test("a terminal has the modes that the client asked for", async () => {
  const { stdout } = await runProgram("script", [
    ...[
      "-qec",
      ["stty -echo intr ^B;", "ssh", ...openssh.sshArguments(["-tt", "'stty -a'"])].join(" "),
    ],
    "/dev/null",
  ]);
  assert.match(stdout.toString(), /intr = \^B/);
  assert.match(stdout.toString(), /-echo /);
});

test("a terminal follows the size of the window", async () => {
  const remote = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
  const ssh = ["ssh", "-tt", ...openssh.sshArguments([""])].join(" ");
  const steps = [
    "log_user 1",
    "set stty_init {rows 24 columns 80}",
    `spawn -noecho sh -c {exec ${ssh} "${remote}"}`,
    "expect ready",
    "stty rows 33 columns 101 < $spawn_out(slave,name)",
    "expect -re {33 101}",
    "expect eof",
  ];
  const { stdout, code } = await runProgram("expect", ["-"], steps.join("\n"));
  assert.equal(code, 0);
  assert.match(stdout.toString(), /33 101/);
});

test("megabytes pass through a command unchanged in both directions", async () => {
  const data = randomBytes(12 << 20);
  const { code, stdout } = await openssh.ssh(["cat"], { input: data });
  assert.equal(code, 0);
  assert.ok(sameBytes(data, stdout));
});

test("new keys are agreed on many times while data flows", async () => {
  const data = randomBytes(16 << 20);
  const { stdout } = await openssh.ssh(["-o", "RekeyLimit=1M", "cat"], { input: data });
  assert.ok(sameBytes(data, stdout));
});

test("a program that reads no input does not hold the session open", async () => {
  const { code, stdout } = await openssh.ssh(["echo done"], { input: randomBytes(8 << 20) });
  assert.deepEqual([code, stdout.toString()], [0, "done\n"]);
});

for (const name of ["root", "an ordinary account"]) {
  test(`standard streams of ${name} are ones that scripts can open by name`, async () => {
    const { code, stdout, stderr } = await openssh.ssh(
      ["sh -c 'echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin'"],
      { input: "in\n", account: name === "root" ? name : account.name },
    );
    assert.deepEqual([code, stdout.toString(), stderr], [0, "out\nin\n", "err\n"]);
  });
}

test("the environment takes the language of the client and refuses what a loader acts on", async () => {
  const send = ["LC_ALL=C.UTF-8", "LD_PRELOAD=/tmp/x.so", "BASH_ENV=/tmp/x", "PATH=/tmp"];
  const options = send.flatMap((variable) => ["-o", `SetEnv=${variable}`]);
  const { stdout } = await openssh.ssh([...options, 'echo "$LC_ALL|$LD_PRELOAD|$BASH_ENV|$PATH"']);
  assert.match(stdout.toString(), /^C\.UTF-8\|\|\|(?!\/tmp)/);
});

test("a signal that ends the program comes back as a signal", async () => {
  const { code, stderr } = await openssh.ssh(["-o", "LogLevel=DEBUG1", "kill -KILL $$"]);
  assert.equal(code, 255);
  assert.match(stderr, /rtype exit-signal/);
});

test("an account that does not exist is named, and the session fails", async () => {
  const { code, stderr } = await openssh.ssh(["true"], { account: "nobodyhere" });
  assert.deepEqual([code, stderr], [255, 'there is no account "nobodyhere" on this server\r\n']);
});

test("what a client leaves running is hung up", async () => {
  const child = spawn("ssh", openssh.sshArguments(["echo $$; exec sleep 1000"]));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  child.kill();
  await gone(pid);
});

test("sftp writes and reads files as the account, and the audit log names them", async () => {
  const file = join(openssh.folder.path, "blob");
  writeFileSync(file, randomBytes(3 << 20));
  const target = `${account.home}/blob`;
  const batch = `put ${file} ${target}\nget ${target} ${file}.back\nmkdir ${account.home}/d\n`;
  const { code, stderr } = await runProgram(
    "sftp",
    ["-b", "-", ...openssh.options("id"), `${account.name}@127.0.0.1`],
    batch,
  );
  assert.equal(code, 0, stderr);
  assert.ok(sameBytes(readFileSync(file), readFileSync(`${file}.back`)));
  const { stdout } = await openssh.ssh([`stat -c %U ${target}`]);
  assert.equal(stdout.toString().trim(), account.name);
  const opened = await cluster.event((e) => e.event === "sftp" && e["path"] === target);
  assert.equal(opened.code, "TS001I");
  assert.equal(opened["flags"], 26);
  assert.equal((await cluster.event((e) => e["action"] === 12)).code, "TS012I");
});

test("sftp as an account cannot read what only root may", async () => {
  const { code, stderr } = await runProgram(
    "sftp",
    ["-b", "-", ...openssh.options("id"), `${account.name}@127.0.0.1`],
    "get /etc/shadow /dev/null\n",
  );
  assert.notEqual(code, 0);
  assert.match(stderr, /Permission denied/);
});

for (const flags of [[], ["-O"]]) {
  test(`scp ${flags.join("")} copies both ways`, async () => {
    const file = join(openssh.folder.path, "scp");
    writeFileSync(file, randomBytes(1 << 20));
    const remote = `root@127.0.0.1:${openssh.folder.path}/scp-there`;
    const options = [...flags, ...openssh.options("id")];
    const up = await runProgram("scp", [...options, file, remote]);
    const down = await runProgram("scp", [...options, remote, `${file}.back`]);
    assert.deepEqual([up.code, down.code], [0, 0], up.stderr + down.stderr);
    assert.ok(sameBytes(readFileSync(file), readFileSync(`${file}.back`)));
  });
}

test("rsync copies a folder", async () => {
  const source = join(openssh.folder.path, "tree");
  mkdirSync(join(source, "sub"), { recursive: true });
  writeFileSync(join(source, "sub", "a"), randomBytes(300_000));
  const remote = `root@127.0.0.1:${openssh.folder.path}/tree-there`;
  const shell = ["ssh", ...openssh.options("id")].join(" ");
  const { code, stderr } = await runProgram("rsync", ["-a", "-e", shell, `${source}/`, remote]);
  assert.equal(code, 0, stderr);
  const copy = join(openssh.folder.path, "tree-there", "sub", "a");
  assert.ok(sameBytes(readFileSync(join(source, "sub", "a")), readFileSync(copy)));
});

test("git clones and pushes", async () => {
  const origin = join(openssh.folder.path, "origin.git");
  const work = join(openssh.folder.path, "work");
  const env = {
    ...process.env,
    GIT_SSH_COMMAND: ["ssh", ...openssh.options("id")].join(" "),
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
  const git = async (...args: string[]) => {
    const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    const { code, stderr } = await runProgram("git", [...identity, ...args], "", { env });
    assert.equal(code, 0, stderr);
  };
  await git("init", "-q", "--bare", origin);
  await git("clone", "-q", `ssh://root@127.0.0.1${origin}`, work);
  writeFileSync(join(work, "file"), randomBytes(200_000));
  await git("-C", work, "add", "file");
  await git("-C", work, "commit", "-qm", "one");
  await git("-C", work, "push", "-q", "origin", "HEAD:refs/heads/main");
  await git("clone", "-q", "-b", "main", `ssh://root@127.0.0.1${origin}`, `${work}2`);
});

test("the agent is forwarded to the account and to nobody else, and goes with the session", async () => {
  const agent = await runProgram("ssh-agent", ["-s"]);
  const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(agent.stdout.toString())?.[1] ?? "";
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent.stdout.toString())?.[1]);
  try {
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    await runProgram("ssh-add", ["-q", join(openssh.folder.path, "id")], "", { env });
    const command = 'ssh-add -l | wc -l; stat -c "%U %a" "$SSH_AUTH_SOCK"; echo "$SSH_AUTH_SOCK"';
    const { stdout, stderr } = await openssh.ssh(["-A", command], asAccount(), { env });
    const [count, owner, path = ""] = stdout.toString().split("\n");
    assert.deepEqual([count, owner], ["2", `${account.name} 600`], stderr);
    const { code } = await runProgram("test", ["-e", path]);
    assert.equal(code, 1);
  } finally {
    process.kill(pid);
  }
});

test("-L reaches a port through the node, and each connection is in the audit log", async () => {
  const target = createServer((socket) => socket.end("hello"));
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  const { port } = target.address() as AddressInfo;
  const child = spawn("ssh", openssh.sshArguments(["-W", `127.0.0.1:${port}`, ""]));
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  target.close();
  assert.equal(Buffer.concat(chunks).toString(), "hello");
  const event = await cluster.event((e) => e.event === "port" && e["addr"] === `127.0.0.1:${port}`);
  assert.deepEqual([event.code, event.user], ["T3003I", "alice"]);
});

test("-R opens a port of the node's choice on the loopback, and closes it with the connection", async () => {
  const target = createServer((socket) => socket.end("from home"));
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  const { port } = target.address() as AddressInfo;
  const args = ["-o", "LogLevel=INFO", "-R", `0:127.0.0.1:${port}`, "-N", ""];
  const child = spawn("ssh", openssh.sshArguments(args));
  const allocated = await readAllocatedPort(child);
  const socket = connect(allocated, "127.0.0.1");
  const [chunk] = (await once(socket, "data")) as [Buffer];
  assert.equal(chunk.toString(), "from home");
  child.kill();
  await once(child, "close");
  await refusedSoon(allocated);
  target.close();
});

test("many channels run side by side over one connection", async () => {
  const control = join(openssh.folder.path, "control");
  const master = spawn("ssh", openssh.sshArguments(["-M", "-S", control, "echo up; cat"]));
  await once(master.stdout, "data");
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      openssh.ssh(["-S", control, `echo ${index}; sleep 0.1`]),
    ),
  );
  assert.deepEqual(
    results.map(({ stdout }) => stdout.toString()),
    Array.from({ length: 20 }, (_, index) => `${index}\n`),
  );
  await openssh.ssh(["-S", control, "-O", "exit", ""]);
  master.kill();
});

test("the audit log has the session from its start to its data", async () => {
  const marker = `echo ${randomBytes(8).toString("hex")}`;
  await openssh.ssh([marker]);
  const start = await cluster.event(
    (e) => e.event === "session.start" && String(e["initial_command"]) === marker,
  );
  const types = ["exec", "session.end", "session.leave", "session.data"];
  const codes = [];
  for (const type of types) {
    codes.push((await cluster.event((e) => e.sid === start.sid && e.event === type)).code);
  }
  assert.deepEqual([start.code, ...codes], ["T2000I", "T3002I", "T2004I", "T2003I", "T2006I"]);
  assert.deepEqual(start["server_labels"], { env: "dev" });
});

async function readAllocatedPort(child: ChildProcess): Promise<number> {
  let text = "";
  for await (const chunk of child.stderr ?? []) {
    text += String(chunk);
    const port = /Allocated port (\d+)/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`no port was allocated: ${text}`);
}

/** Waits until nothing accepts connections on the port; the test's own time limit ends the wait. */
async function refusedSoon(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const refused = await new Promise<boolean>((resolve) => {
      socket.once("error", () => resolve(true));
      socket.once("connect", () => resolve(false));
    });
    socket.destroy();
    if (refused) return;
  }
}
