/** The real `ssh`, `sftp` and `scp` against our server. */
import assert from "node:assert/strict";
import { type SpawnOptions, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sameBytes } from "#base/bytes.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { freePort } from "../support/free-port.ts";
import { certify, createKey, KeyFolder, type KeyKind } from "../support/ssh-keys.ts";
import { TestSshServer } from "../support/ssh-server.ts";

const userCa = createKey();
const hostCa = createKey();
const folder = new KeyFolder();
let server: TestSshServer;
let options: string[];

before(async () => {
  const hostKeys = (["ed25519", "rsa", "ecdsa256"] as KeyKind[]).map((kind) => {
    const key = createKey(kind);
    const principals = ["127.0.0.1", "node"];
    return { signer: key.signer, certificate: certify(key, hostCa, { type: "host", principals }) };
  });
  server = await TestSshServer.start({ hostKeys, userAuthorities: [userCa.signer.publicKey] });
  const known = `@cert-authority * ${formatAuthorizedKey(hostCa.signer.publicKey)}\n`;
  options = [
    ...["-F", "none", "-o", "BatchMode=yes"],
    ...["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"],
    ...["-o", `UserKnownHostsFile=${folder.write("known_hosts", known)}`],
    ...["-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"],
  ];
  const user = createKey();
  folder.writeKey("id", user, certify(user, userCa));
});

after(async () => {
  await server.close();
  folder.remove();
});

interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function run(
  program: string,
  args: string[],
  input: Buffer | string = "",
  more: SpawnOptions = {},
) {
  return new Promise<Result>((resolve) => {
    const child = spawn(program, args, { ...more, stdio: "pipe" });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
}

/** Runs `ssh` with options and a command, the last of `args`. The first value of an option wins. */
const ssh = (args: string[], input?: Buffer | string, key = "id", user = "root") => {
  const where = ["-p", String(server.port), "-i", join(folder.path, key), `${user}@127.0.0.1`];
  const [command = "", ...own] = args.toReversed();
  const level = ["-o", "LogLevel=ERROR"];
  return run("ssh", [...own.toReversed(), ...options, ...level, ...where, command], input);
};

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  test(`ssh logs in with a certificate for a key of kind ${kind}`, async () => {
    const user = createKey(kind);
    folder.writeKey(`id_${kind}`, user, certify(user, userCa));
    const { code, stdout, stderr } = await ssh(["echo ok"], "", `id_${kind}`);
    assert.deepEqual([code, stdout.toString(), stderr], [0, "ok\n", ""]);
  });
}

for (const algorithm of [
  "ssh-ed25519-cert-v01@openssh.com",
  "rsa-sha2-512-cert-v01@openssh.com",
  "rsa-sha2-256-cert-v01@openssh.com",
  "ecdsa-sha2-nistp256-cert-v01@openssh.com",
]) {
  test(`ssh accepts our host certificate as ${algorithm}`, async () => {
    const { code, stderr } = await ssh(["-o", `HostKeyAlgorithms=${algorithm}`, "true"]);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

for (const cipher of ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]) {
  for (const kex of ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"]) {
    test(`ssh agrees on ${cipher} and ${kex}`, async () => {
      const { code } = await ssh(["-c", cipher, "-o", `KexAlgorithms=${kex}`, "true"]);
      assert.equal(code, 0);
    });
  }
}

test("ssh uses strict key exchange with us", async () => {
  const { stderr } = await ssh(["-o", "LogLevel=DEBUG3", "true"]);
  assert.match(stderr, /will use strict KEX ordering/);
});

const refused: Record<string, { signedBy?: typeof userCa; change: Parameters<typeof certify>[2] }> =
  {
    "has expired": {
      change: {
        validAfter: new Date(Date.now() - 7_200_000),
        validBefore: new Date(Date.now() - 60_000),
      },
    },
    "is not among the principals": { change: { principals: ["alice"] } },
    "unknown authority": { signedBy: hostCa, change: {} },
    "not valid from": { change: { criticalOptions: { "source-address": "10.0.0.0/8" } } },
    'critical option "force-command"': { change: { criticalOptions: { "force-command": "true" } } },
  };

for (const [reason, { signedBy = userCa, change }] of Object.entries(refused)) {
  test(`refuses a certificate as an ordinary failure: ${reason}`, async () => {
    const user = createKey();
    folder.writeKey("id_bad", user, certify(user, signedBy, change));
    server.refusals.length = 0;
    const { code, stderr } = await ssh(["true"], "", "id_bad");
    assert.equal(code, 255);
    assert.match(stderr, /Permission denied \(publickey\)/);
    assert.ok(
      server.refusals.some((text) => text.includes(reason)),
      server.refusals.join("\n"),
    );
  });
}

test("passes on the exit status", async () => {
  assert.equal((await ssh(["exit 7"])).code, 7);
});

test("keeps standard error apart", async () => {
  const { stdout, stderr } = await ssh(["echo out; echo err >&2"]);
  assert.deepEqual([stdout.toString(), stderr], ["out\n", "err\n"]);
});

test("gives the program the end of its input", async () => {
  assert.equal((await ssh(["wc -c"], "abcdef")).stdout.toString().trim(), "6");
});

test("passes on the signal that ended the program", async () => {
  const { code, stderr } = await ssh(["-o", "LogLevel=DEBUG1", "kill -KILL $$"]);
  assert.equal(code, 255);
  assert.match(stderr, /rtype exit-signal/);
});

test("shows why a session is not opened", async () => {
  const user = createKey();
  folder.writeKey("id_other", user, certify(user, userCa, { principals: ["other"] }));
  const { code, stderr } = await ssh(["-o", "LogLevel=INFO", "true"], "", "id_other", "other");
  assert.equal(code, 255);
  assert.match(stderr, /only root may open a session/);
});

test("survives new keys after every megabyte, downwards", async () => {
  const { stdout } = await ssh(["-o", "RekeyLimit=1M", "head -c 33554432 /dev/zero"]);
  assert.equal(stdout.length, 33_554_432);
});

test("survives new keys after every megabyte, upwards", async () => {
  const data = randomBytes(16_777_216);
  const { stdout } = await ssh(["-o", "RekeyLimit=1M", "cat"], data);
  assert.ok(sameBytes(stdout, data));
});

test("copies a file with scp both ways without a change", async () => {
  const data = randomBytes(20_000_000);
  const local = folder.write("local", "");
  writeFileSync(local, data);
  const remote = `root@127.0.0.1:${join(folder.path, "remote")}`;
  const where = [...options, "-P", String(server.port), "-i", join(folder.path, "id")];
  const up = await run("scp", [...where, local, remote]);
  assert.equal(up.code, 0, up.stderr);
  const back = join(folder.path, "back");
  const down = await run("scp", [...where, remote, back]);
  assert.equal(down.code, 0, down.stderr);
  assert.ok(sameBytes(readFileSync(back), data));
});

test("serves sftp", async () => {
  const batch = folder.write("batch", `put ${folder.write("up", "hello")} ${folder.path}/down\n`);
  const where = [...options, "-P", String(server.port), "-i", join(folder.path, "id")];
  const { code, stderr } = await run("sftp", [...where, "-b", batch, "root@127.0.0.1"]);
  assert.equal(code, 0, stderr);
  assert.equal(readFileSync(join(folder.path, "down"), "utf8"), "hello");
});

test("answers a keepalive", async () => {
  const alive = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"];
  assert.equal((await ssh([...alive, "sleep 4; echo ok"])).stdout.toString(), "ok\n");
});

test("gives a terminal", async () => {
  server.requests.length = 0;
  await ssh(["-tt", "true"]);
  assert.ok(
    server.requests.some((text) => text.startsWith("pty ")),
    server.requests.join(),
  );
});

test("forwards connections of the client and to the client", async () => {
  const web = createServer((_request, response) => response.end("from-web"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const target = (web.address() as AddressInfo).port;
  const [local, remote] = [await freePort(), await freePort()];
  const command = `while ! curl -sf http://127.0.0.1:${local}/; do :; done; curl -sf http://127.0.0.1:${remote}/`;
  const { stdout, stderr } = await ssh([
    ...["-L", `${local}:127.0.0.1:${target}`, "-R", `${remote}:127.0.0.1:${target}`],
    command,
  ]);
  web.close();
  assert.equal(stdout.toString(), "from-webfrom-web", stderr);
});

test("lends the session the client's agent", async () => {
  const socket = join(folder.path, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => agent.stdout.once("data", resolve));
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  const added = await run("ssh-add", ["-q", join(folder.path, "id")], "", { env });
  assert.equal(added.code, 0, added.stderr);
  const where = ["-p", String(server.port), "-i", join(folder.path, "id"), "root@127.0.0.1"];
  const forward = ["-A", "-o", `IdentityAgent=${socket}`, "-o", "LogLevel=ERROR"];
  const { stdout, stderr } = await run("ssh", [...forward, ...options, ...where, "ssh-add -l"]);
  agent.kill();
  // The key and its certificate.
  assert.equal(stdout.toString().trim().split("\n").length, 2, stderr);
});
