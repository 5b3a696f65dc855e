/** What a node refuses, in the words that the real `ssh` shows; and what it ends while it runs. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import type { AuditEvent } from "#audit/event.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { lockSchema } from "#resource/lock.ts";
import { ClientConnection } from "#ssh/client.ts";
import { ClientTransport } from "#ssh/client-transport.ts";
import { systemTimer } from "#ssh/timer.ts";
import { TestAccount } from "../support/account.ts";
import { testDevice } from "../support/identity.ts";
import { hostId, NodeCluster } from "../support/node-cluster.ts";
import { OpenSsh, type ProgramResult } from "../support/openssh-programs.ts";
import { makePreference } from "../support/policy.ts";
import { gone } from "../support/processes.ts";

let cluster: NodeCluster;
let openssh: OpenSsh;
/** Root's own start files may hold locks that a killed shell leaves behind: sessions run as somebody without any. */
let account: TestAccount;
let everywhere: { logins: string[]; node_labels: Record<string, string> };

before(async () => {
  account = TestAccount.create();
  everywhere = { logins: [account.name], node_labels: { "*": "*" } };
  cluster = await NodeCluster.start();
  openssh = new OpenSsh(cluster.port, cluster.auth.context.authorities.ssh("host").publicKey);
});

after(async () => {
  openssh.remove();
  await cluster.close();
  account.remove();
});

/** Reports of channels that failed to open. */
const talkative = ["-o", "LogLevel=INFO"];

beforeEach(async () => {
  cluster.events.length = 0;
  // First of all: a node that is locked hears nothing else.
  await cluster.auth.context.stores.locks.delete("lock-1").catch(() => {});
  await cluster.setRole("access", { allow: everywhere });
  await setPreference({});
  useIdentity();
});

function useIdentity(changes: Partial<UserIdentity> = {}): void {
  openssh.addKey("id", cluster.certify({ logins: [account.name], ...changes }));
}

function ssh(args: string[]): Promise<ProgramResult> {
  return openssh.ssh(args, { account: account.name });
}

async function setPreference(spec: object): Promise<void> {
  const preference = makePreference({ second_factor: "otp", ...spec });
  await cluster.auth.context.stores.authPreference.upsert(preference);
  await cluster.settled();
}

async function setLock(target: object): Promise<string> {
  const name = "lock-1";
  const lock = lockSchema.parse({ kind: "lock", metadata: { name }, spec: { target } });
  await cluster.auth.context.stores.locks.upsert(lock);
  return name;
}

async function assertDenied(reason: RegExp): Promise<void> {
  await cluster.settled();
  const { code, stderr } = await ssh(["true"]);
  assert.equal(code, 255);
  assert.match(stderr, /Permission denied \(publickey\)/);
  const event = await cluster.event((e) => e.event === "auth");
  assert.deepEqual([event.code, event.success], ["T3007W", false]);
  assert.match(event.error ?? "", reason);
}

async function assertRejected(text: string): Promise<void> {
  await cluster.settled();
  const { code, stderr } = await ssh([...talkative, "true"]);
  assert.equal(code, 255);
  assert.ok(stderr.includes(`open failed: administratively prohibited: ${text}`), stderr);
  assert.equal((await cluster.event((e) => e.event === "auth")).error, text);
}

test("a role whose labels do not match fails the authentication", async () => {
  await cluster.setRole("access", {
    allow: { logins: [account.name], node_labels: { env: "prod" } },
  });
  await assertDenied(/no role allows access to ip-172-31-35-170/);
});

test("a login that is not in the certificate fails the authentication", async () => {
  useIdentity({ logins: ["ubuntu"] });
  await assertDenied(/is not among the principals/);
});

test("a login that the role denies fails the authentication", async () => {
  await cluster.setRole("access", { allow: everywhere, deny: { logins: [account.name] } });
  await assertDenied(/role "access" denies/);
});

test("a role that no longer exists fails the authentication", async () => {
  useIdentity({ roles: ["access", "gone"] });
  await assertDenied(/role "gone" is not found/);
});

test("a role that demands a device fails the authentication", async () => {
  const options = { device_trust_mode: "required" };
  await cluster.setRole("access", { allow: everywhere, options });
  await assertDenied(/requires a trusted device/);
  useIdentity({ device: testDevice });
  assert.equal((await ssh(["true"])).code, 0);
});

test("a cluster that demands a device refuses the session with the words of the public API", async () => {
  await setPreference({ device_trust: { mode: "required" } });
  await assertRejected("unauthorized device");
  useIdentity({ device: testDevice });
  assert.equal((await ssh(["true"])).code, 0);
});

test("a lock refuses the session and names its target", async () => {
  await setLock({ device: testDevice.deviceId });
  useIdentity({ device: testDevice });
  await assertRejected(`lock targeting Device:"${testDevice.deviceId}" is in force`);
});

test("a certificate for another address fails the authentication", async () => {
  useIdentity({ pinnedIp: "10.1.2.3" });
  await assertDenied(/not valid from 127\.0\.0\.1/);
});

test("a certificate that has expired fails the authentication", async () => {
  useIdentity({ expires: new Date(Date.now() - 1000) });
  await assertDenied(/expired/);
});

test("a certificate of the host authority is none of a user, and its name is not believed", async () => {
  const [own] = cluster.credentials.hostKeys;
  assert.ok(own?.certificate);
  const { key } = cluster.certify({ logins: [account.name] });
  openssh.addKey("id", { key, certificate: own.certificate });
  const { stderr } = await ssh(["true"]);
  assert.match(stderr, /Permission denied|does not match/);
});

test("a certificate without permit-pty has no terminal", async () => {
  const permit = { pty: false, portForwarding: true, agentForwarding: false, x11Forwarding: false };
  useIdentity({ permit });
  await cluster.settled();
  const { stderr } = await ssh(["-tt", "-o", "LogLevel=INFO", "tty"]);
  assert.match(stderr, /PTY allocation request failed/);
});

test("forwarding needs a role that allows it", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { port_forwarding: false } });
  await cluster.settled();
  const local = await ssh(["-o", "LogLevel=INFO", "-W", "127.0.0.1:1", ""]);
  assert.match(local.stderr, /administratively prohibited: port forwarding is not allowed/);
  const remote = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "true"];
  assert.equal((await ssh(remote)).code, 255);
  assert.equal((await cluster.event((e) => e.event === "port")).code, "T3003E");
});

test("the agent is forwarded only where a role allows it", async () => {
  await cluster.settled();
  const { stdout } = await ssh(["-A", 'echo "[$SSH_AUTH_SOCK]"']);
  assert.equal(stdout.toString(), "[]\n");
});

test("copying files needs every role to allow it", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { ssh_file_copy: false } });
  await cluster.settled();
  const sftp = await ssh(["-s", "sftp"]);
  assert.equal(sftp.code, 255);
  const { code, stderr } = await ssh(["scp -t /tmp/x"]);
  assert.deepEqual(
    [code, stderr],
    [255, "copying files is not allowed here by a role or by this server\r\n"],
  );
});

test("a role that demands recording refuses sessions, because nothing here records", async () => {
  const options = { record_session: { default: "strict" } };
  await cluster.setRole("access", { allow: everywhere, options });
  await cluster.settled();
  const { stderr } = await ssh([...talkative, "true"]);
  assert.match(
    stderr,
    /administratively prohibited: a role demands that every session is recorded/,
  );
});

test("more sessions than a role allows are refused", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { max_sessions: 1 } });
  await cluster.settled();
  const client = await login();
  const first = await client.openSession();
  await first.exec("cat");
  await assert.rejects(client.openSession(), /too many sessions/);
  assert.equal((await cluster.event((e) => e.event === "session.reject"))["maximum"], 1);
  client.close();
});

test("nothing is forwarded where a session would be refused", async () => {
  await setPreference({ device_trust: { mode: "required" } });
  const local = await ssh([...talkative, "-W", "127.0.0.1:1", ""]);
  assert.match(local.stderr, /administratively prohibited: unauthorized device/);
  const remote = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "-N", ""];
  assert.equal((await ssh(remote)).code, 255);
  await cluster.event((event) => event.event === "port");
  const refusals = cluster.events.filter((event) => event.event === "port");
  assert.ok(refusals.every(({ success, error }) => !success && error === "unauthorized device"));
});

test("more connections of one user than a role allows are refused", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { max_connections: 1 } });
  await cluster.settled();
  const [first, second] = await Promise.all([login(), login()]);
  await first.openSession();
  await assert.rejects(second.openSession(), /too many connections/);
  first.close();
  second.close();
});

test("a session ends with its certificate where a role wants that", async () => {
  const options = { disconnect_expired_cert: true };
  await cluster.setRole("access", { allow: everywhere, options });
  await cluster.settled();
  useIdentity({ expires: new Date(Date.now() + 3000) });
  const { code, stderr } = await ssh(["sleep 1000"]);
  assert.equal(code, 255);
  assert.match(stderr, /the certificate has expired/);
});

test("a session that nobody uses ends after the idle time of a role, and says so", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { client_idle_timeout: "1s" } });
  await cluster.settled();
  const { code, stderr } = await ssh(["sleep 1000"]);
  assert.equal(code, 255);
  assert.match(stderr, /idle for too long/);
});

test("sessions that are opened and closed without a request do not count", async () => {
  await cluster.setRole("access", { allow: everywhere, options: { max_sessions: 1 } });
  await cluster.settled();
  const client = await login();
  for (let round = 0; round < 5; round++) {
    const { channel } = await client.openSession();
    channel.close();
    await channel.whenClosed;
  }
  client.close();
});

interface Cut {
  readonly cut: () => Promise<unknown>;
  readonly reason: RegExp;
  /** A server under a lock may not write to the audit log either. */
  readonly silent?: boolean;
}

const cuts: Record<string, Cut> = {
  "a lock on the user": {
    cut: () => setLock({ user: "alice" }),
    reason: /lock targeting User:"alice" is in force/,
  },
  "a lock on the server": {
    cut: () => setLock({ server_id: hostId }),
    reason: /lock targeting (ServerID|Node)/,
    silent: true,
  },
  "the cluster's device mode": {
    cut: () => setPreference({ device_trust: { mode: "required" } }),
    reason: /unauthorized device/,
  },
  "the role's device mode": {
    cut: () =>
      cluster.setRole("access", {
        allow: everywhere,
        options: { device_trust_mode: "required" },
      }),
    reason: /requires a trusted device/,
  },
  "a role without the login": {
    cut: () => cluster.setRole("access", { allow: { ...everywhere, logins: [] } }),
    reason: /no role allows/,
  },
  "a role that is removed": {
    cut: () => cluster.auth.context.stores.roles.delete("access"),
    reason: /role "access" is not found/,
  },
};

for (const [what, { cut, reason, silent }] of Object.entries(cuts)) {
  test(`a running session ends with all its processes: ${what}`, async () => {
    await cluster.settled();
    const script = "trap '' HUP TERM; setsid sleep 999 & echo $$ $!; sleep 1000; sleep 1000";
    const child = spawn("ssh", openssh.sshArguments([script], { account: account.name }));
    const stderr = collect(child);
    const line = await firstOutput(child);
    await cut();
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 255);
    assert.match(stderr(), reason);
    for (const pid of line.split(" ")) await gone(Number(pid));
    if (silent) return;
    const told = (event: AuditEvent) => reason.test(String(event["reason"]));
    await cluster.event((event) => event.event === "client.disconnect" && told(event));
  });
}

test("a terminal session ends with the jobs that its shell started", async () => {
  await cluster.settled();
  const child = spawn("ssh", openssh.sshArguments(["-tt", ""], { account: account.name }));
  child.stdin.write("stty -echo; sleep 777 & echo job=$!; sleep 776\n");
  let text = "";
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (/job=\d+/.test(text)) break;
  }
  const closed = once(child, "close");
  await setLock({ user: "alice" });
  await closed;
  await gone(Number(/job=(\d+)/.exec(text)?.[1]));
});

test("our own client is told how to help itself, other clients are not", async () => {
  const options = { device_trust_mode: "required" };
  await cluster.setRole("access", { allow: everywhere, options });
  await cluster.settled();
  const told: string[] = [];
  await assert.rejects(login("SSH-2.0-Gatehouse_1.0", told), (error) => isFault(error));
  const { uid } = await cluster.event((event) => event.event === "auth");
  const hints = new RegExp(
    `^hint: .*tsh device enroll --current-device\\r\\nhint: .*tctl explain ${uid}\\r\\n$`,
  );
  assert.match(told.join(""), hints);
  const others: string[] = [];
  await assert.rejects(login("SSH-2.0-Go", others));
  assert.deepEqual(others, []);
});

test("a refusal on the channel comes with its hint too", async () => {
  await setPreference({ device_trust: { mode: "required" } });
  await cluster.settled();
  for (const version of ["SSH-2.0-Gatehouse_1.0", "SSH-2.0-Go"]) {
    cluster.events.length = 0;
    const client = await login(version, []);
    const error = await client.openSession().catch((thrown: unknown) => thrown);
    client.close();
    assert.ok(isFault(error), String(error));
    assert.equal(error.message, "administratively prohibited (unauthorized device)");
    const { uid } = await cluster.event((event) => event.event === "auth");
    const hint = /tsh device enroll --current-device\n.*tctl explain (\S+)$/.exec(error.hint ?? "");
    assert.equal(hint?.[1], version === "SSH-2.0-Go" ? undefined : uid);
    if (version === "SSH-2.0-Go") assert.equal(error.hint, undefined);
  }
});

test("a connection cannot cancel the forwarded port of another one", async () => {
  await cluster.settled();
  const [owner, other] = await Promise.all([login(), login()]);
  const port = await owner.requestForward({ address: "127.0.0.1", port: 0 });
  assert.equal(await other.cancelForward({ address: "127.0.0.1", port }), false);
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  owner.close();
  other.close();
});

async function login(version = "SSH-2.0-Gatehouse_1.0", told: string[] = []) {
  const { key, certificate } = cluster.certify({ logins: [account.name] });
  const socket = connect(cluster.port, "127.0.0.1");
  const client = new ClientConnection(
    new ClientTransport(socket, {
      version,
      random: systemRandom,
      startTimer: systemTimer,
      user: account.name,
      identity: { signer: key.signer, certificate },
      verifyHost: () => {},
      onBanner: (text) => told.push(text),
    }),
  );
  await client.ready;
  return client;
}

async function firstOutput({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout);
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) return String(chunk);
  throw new Error("the session ended without a word");
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
