/** Our client against the real `sshd`. Needs root, as sshd does. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { ClientConnection, type ClientOptions } from "#ssh/client.ts";
import { ClientTransport, type ClientTransportOptions } from "#ssh/client-transport.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { systemTimer } from "#ssh/timer.ts";
import type { PresentedHostKey } from "#ssh/transport/host-key.ts";
import { certify, createKey, KeyFolder, type KeyKind, type TestKey } from "../support/ssh-keys.ts";

const userCa = { ed25519: createKey(), ecdsa256: createKey("ecdsa256"), rsa: createKey("rsa") };
const hostCa = createKey();
const folder = new KeyFolder();
const identity = identityOf(createKey());
let port: number;
let daemon: ChildProcess;

function identityOf(
  key: TestKey,
  authority: TestKey = userCa.ed25519,
  changes: Parameters<typeof certify>[2] = {},
): ClientTransportOptions["identity"] {
  return { signer: key.signer, certificate: certify(key, authority, changes) };
}

before(async () => {
  const hosts = (["ed25519", "ecdsa256", "rsa"] as KeyKind[]).map((kind) => {
    const key = createKey(kind);
    const certificate = certify(key, hostCa, {
      type: "host",
      principals: ["127.0.0.1"],
      extensions: {},
    });
    return folder.writeKey(`host_${kind}`, key, certificate);
  });
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  port = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  const authorities = Object.values(userCa).map((ca) => formatAuthorizedKey(ca.signer.publicKey));
  const config = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", "PidFile none", "LogLevel ERROR"],
    ...hosts.flatMap((file) => [`HostKey ${file}`, `HostCertificate ${file}-cert.pub`]),
    `TrustedUserCAKeys ${folder.write("authorities", `${authorities.join("\n")}\n`)}`,
    ...["AuthorizedKeysFile none", "PasswordAuthentication no", "KbdInteractiveAuthentication no"],
    ...["UsePAM no", "StrictModes no", "PermitRootLogin yes", "MaxStartups 100"],
    "Subsystem sftp /usr/lib/openssh/sftp-server",
  ];
  mkdirSync("/run/sshd", { recursive: true });
  const file = folder.write("sshd_config", `${config.join("\n")}\n`);
  daemon = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", file], { stdio: "inherit" });
  while (!(await answers())) assert.equal(daemon.exitCode, null, "sshd did not start");
});

after(async () => {
  daemon.kill();
  await new Promise((resolve) => daemon.once("exit", resolve));
  folder.remove();
});

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => resolve(false));
    socket.on("data", () => socket.destroy());
    socket.on("close", () => resolve(true));
  });
}

function verifyHost({ certificate }: PresentedHostKey): void {
  assert.ok(certificate, "sshd shows a certificate");
  checkCertificate(certificate, {
    type: "host",
    authorities: [hostCa.signer.publicKey],
    now: new Date(),
    principal: "127.0.0.1",
  });
}

type Options = ClientTransportOptions & ClientOptions;

async function open(changes: Partial<Options> = {}): Promise<ClientConnection> {
  const client = new ClientConnection(openTransport(changes), changes);
  await client.ready;
  return client;
}

function openTransport(changes: Partial<ClientTransportOptions> = {}): ClientTransport {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  return new ClientTransport(socket, {
    version: "SSH-2.0-Gatehouse_test",
    random: systemRandom,
    startTimer: systemTimer,
    user: "root",
    identity,
    verifyHost,
    ...changes,
  });
}

async function exec(
  client: ClientConnection,
  command: string,
  input: Uint8Array = new Uint8Array(0),
) {
  const session = await client.openSession();
  const [out, err] = [text(session.channel), text(session.channel.stderr)];
  await session.exec(command);
  session.channel.end(input);
  return { ...(await session.exit), out: await out, err: await err };
}

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  test(`sshd lets a certificate for a key of kind ${kind} in`, async () => {
    const client = await open({ identity: identityOf(createKey(kind)) });
    const result = await exec(client, "echo ok; echo err >&2; exit 3");
    assert.deepEqual(result, { status: 3, out: "ok\n", err: "err\n" });
    client.close();
  });
}

for (const kind of ["ecdsa256", "rsa"] as const) {
  test(`sshd accepts a certificate by an authority of kind ${kind}`, async () => {
    const client = await open({ identity: identityOf(createKey(), userCa[kind]) });
    client.close();
  });
}

for (const name of [
  "ssh-ed25519-cert-v01@openssh.com",
  "ecdsa-sha2-nistp256-cert-v01@openssh.com",
  "rsa-sha2-512-cert-v01@openssh.com",
  "rsa-sha2-256-cert-v01@openssh.com",
]) {
  test(`verifies the host certificate of sshd as ${name}`, async () => {
    const transport = openTransport({ algorithms: { hostKey: [name] } });
    await transport.ready;
    assert.equal(transport.algorithms?.hostKey, name);
    transport.close();
  });
}

for (const keyExchange of ["curve25519-sha256", "ecdh-sha2-nistp256"]) {
  test(`agrees with sshd on ${keyExchange} and aes256-gcm`, async () => {
    const cipher = "aes256-gcm@openssh.com";
    const transport = openTransport({
      algorithms: { keyExchange: [keyExchange], cipher: [cipher] },
    });
    const client = new ClientConnection(transport);
    assert.equal((await exec(client, "echo ok")).out, "ok\n");
    assert.equal(transport.algorithms?.keyExchange, keyExchange);
    client.close();
  });
}

const denied: Record<string, ClientTransportOptions["identity"]> = {
  "an expired certificate": identityOf(createKey(), userCa.ed25519, {
    validAfter: new Date(Date.now() - 7_200_000),
    validBefore: new Date(Date.now() - 60_000),
  }),
  "a certificate by another authority": identityOf(createKey(), hostCa),
  "a certificate for another login": identityOf(createKey(), userCa.ed25519, {
    principals: ["alice"],
  }),
};

for (const [what, wrong] of Object.entries(denied)) {
  test(`reports that sshd refuses ${what}`, async () => {
    await assert.rejects(open({ identity: wrong }), (error) => isFault(error, "access-denied"));
  });
}

test("refuses a host certificate by another authority", async () => {
  const wrong = ({ certificate }: PresentedHostKey): void => {
    assert.ok(certificate);
    const authorities = [userCa.rsa.signer.publicKey];
    const principal = "127.0.0.1";
    checkCertificate(certificate, { type: "host", authorities, now: new Date(), principal });
  };
  await assert.rejects(open({ verifyHost: wrong }), (error) => isFault(error, "unproven"));
});

test("moves 32 MB down and up with new keys after every megabyte", async () => {
  const client = await open({ rekeyBytes: 1_048_576 });
  const down = await exec(client, "head -c 33554432 /dev/zero | tr '\\0' x");
  assert.equal(down.out.length, 33_554_432);
  const data = randomBytes(33_554_432);
  const session = await client.openSession();
  session.channel.stderr.resume();
  const parts: Uint8Array[] = [];
  session.channel.on("data", (chunk: Uint8Array) => parts.push(chunk));
  await session.exec("cat");
  session.channel.end(data);
  assert.deepEqual(await session.exit, { status: 0 });
  assert.ok(sameBytes(Buffer.concat(parts), data));
  client.close();
});

test("gets a terminal with its size, and changes it", async () => {
  const client = await open();
  const session = await client.openSession();
  session.channel.stderr.resume();
  const size = { columns: 80, rows: 24, pixelWidth: 0, pixelHeight: 0 };
  await session.requestPty({ term: "xterm", modes: new Map(), ...size });
  await session.exec("trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.1; done");
  let seen = "";
  for await (const chunk of session.channel) {
    seen += chunk;
    if (/24 80\r\n$/.test(seen)) session.resize({ ...size, columns: 132, rows: 50 });
  }
  assert.match(seen, /24 80\r\n50 132\r\n/);
  client.close();
});

test("learns which signal ended the program", async () => {
  const client = await open();
  assert.equal((await exec(client, "kill -TERM $$")).signal, "TERM");
  client.close();
});

test("connects through the server, and says why it cannot", async () => {
  const web = createHttp((_request, response) => response.end("from-web"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const client = await open();
  const to = { address: "127.0.0.1", originAddress: "127.0.0.1", originPort: 1 };
  const channel = await client.openDirectTcpip({
    ...to,
    port: (web.address() as AddressInfo).port,
  });
  channel.write("GET / HTTP/1.0\r\n\r\n");
  assert.match(await text(channel), /from-web$/);
  await assert.rejects(client.openDirectTcpip({ ...to, port: 1 }), /connect failed/);
  web.close();
  client.close();
});

test("gets connections to a port of the server", async () => {
  const client = await open({
    onForwardedTcpip: (_channel, accept) => {
      const channel = accept();
      channel.end("hello");
      channel.resume();
    },
  });
  const where = { address: "127.0.0.1", port: 0 };
  const bound = await client.requestForward(where);
  assert.equal(await text(connect({ port: bound, host: "127.0.0.1" })), "hello");
  assert.equal(await client.cancelForward({ ...where, port: bound }), true);
  client.close();
});

test("lends its agent to the session", async () => {
  let asked = 0;
  const client = await open({
    onAgent: (accept) => {
      asked++;
      accept().destroy();
    },
  });
  const session = await client.openSession();
  session.channel.resume();
  session.channel.stderr.resume();
  await session.requestAgentForwarding();
  await session.exec("ssh-add -l");
  await session.exit;
  assert.equal(asked, 1);
  client.close();
});

test("gets an answer to a keepalive", async () => {
  const client = await open();
  await client.ping();
  client.close();
});
