/** SSH logins and idle sessions, driven by our own client inside this process, against the same client and OpenSSH's server. */

import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { systemRandom } from "#base/random.ts";
import { DirectAccess } from "#client/direct-access.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { connectNode } from "#client/ssh/connect.ts";
import { ClientConnection } from "#ssh/client.ts";
import { ClientTransport } from "#ssh/client-transport.ts";
import { systemTimer } from "#ssh/timer.ts";
import { type Bench, nodename } from "../context.ts";
import { median, residentMib } from "../measure.ts";
import type { OpenSshPeer } from "../openssh.ts";
import type { Row } from "../row.ts";

const sessions = 100;

/** From dialling to authenticated: ours with TLS, proxy, tunnel and audit event on the way, sshd's over plain TCP. */
export async function measureSshLogins(bench: Bench): Promise<Row[]> {
  const login = await bench.login();
  const peer = await bench.openssh();
  const access = new DirectAccess({ login, device: undefined });
  const target = { host: nodename, port: 0, login: "root" };
  const ours = async () => (await connectNode({ login, access, target })).close();
  const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let round = -3; round < 25; round++) {
    const first = performance.now();
    await ours();
    const second = performance.now();
    await logInToSshd(peer);
    if (round < 0) continue;
    times.ours.push(second - first);
    times.peer.push(performance.now() - second);
  }
  access.close();
  return [
    {
      what: "SSH dial, handshake and certificate login",
      unit: "ms",
      ours: median(times.ours),
      peer: { what: "sshd, direct", value: median(times.peer) },
      goal: { at: "most", limit: 1 },
    },
  ];
}

async function logInToSshd({ port, identity }: OpenSshPeer): Promise<void> {
  const connection = new ClientConnection(
    new ClientTransport(connect({ port, host: "127.0.0.1", noDelay: true }), {
      version: "SSH-2.0-Gatehouse_bench",
      random: systemRandom,
      startTimer: systemTimer,
      user: "root",
      identity,
      // The peer was started here; its key needs no proof.
      verifyHost() {},
    }),
  );
  await connection.ready;
  connection.close();
}

/** Resident memory of the server per open session that does nothing. Our client opens them at both servers. */
export async function measureIdleSessions(bench: Bench): Promise<Row[]> {
  const { cluster } = await bench.workplace();
  const ours = await mibPerSession(await bench.login(), nodename, cluster.serverPid);
  const reference = await bench.reference();
  const official =
    reference &&
    (await mibPerSession(
      await reference.ourLogin(),
      reference.server.nodename,
      reference.server.serverPid,
    ));
  return [
    {
      what: `server memory per idle SSH session (${sessions})`,
      unit: "MiB",
      ours,
      goal: { at: "most", limit: 0.75 },
      recorded: "0.75 MiB",
      official,
    },
  ];
}

async function mibPerSession(login: StoredLogin, host: string, pid: number): Promise<number> {
  const access = new DirectAccess({ login, device: undefined });
  const target = { host, port: 0, login: "root" };
  const before = residentMib(pid);
  const open: ClientConnection[] = [];
  for (let i = 0; i < sessions; i++) {
    const connection = await connectNode({ login, access, target });
    const session = await connection.openSession();
    await session.exec("cat");
    open.push(connection);
  }
  await wait(3000);
  const after = residentMib(pid);
  for (const connection of open) connection.close();
  access.close();
  return (after - before) / sessions;
}
