/**
 * From a lock to the end of the sessions that it strikes, as their clients see it: sessions with a running program, opened
 * from one enrolled device through proxy and node, all cut by one lock on that device.
 */
import { createClient } from "#api/grpc/client.ts";
import { systemRandom, uuid } from "#base/random.ts";
import { thisDevice } from "#client/ceremony/this-device.ts";
import { DirectAccess } from "#client/direct-access.ts";
import { getLogin } from "#client/profile/logins.ts";
import { connectNode } from "#client/ssh/connect.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import type { ClientConnection } from "#ssh/client.ts";
import { logInAt } from "../../test/support/cluster/login.ts";
import { type Bench, nodename } from "../context.ts";
import { percentile } from "../measure.ts";
import type { Row } from "../row.ts";

const sessions = Number(process.env["N"] ?? 1000);
/** Handshakes at once: the server's cores are the limit, not the round trips. */
const atOnce = 8;

/** Median and 99th percentile over all sessions. */
export async function measureLockToCut(bench: Bench): Promise<Row[]> {
  const { cluster } = await bench.workplace();
  const wish = { serial: "BENCH002", name: "locked", roles: ["access", "editor"], enroll: true };
  const { machine } = await logInAt(cluster, wish);
  const login = await getLogin(machine.profile);
  const access = new DirectAccess({ login, device: thisDevice(machine.env) });
  const { assetTag } = await access.device();
  if (assetTag === undefined) throw new Error("the device was not authenticated");
  const open = await openSessions(() =>
    connectNode({ login, access, target: { host: nodename, port: 0, login: "root" } }),
  );
  const deviceId = await findDeviceId(cluster, assetTag);
  // The administrator is somebody else, whom the lock does not strike.
  const admin = new DirectAccess({ login: await bench.login(), device: undefined });
  const auth = createClient(AuthService, await admin.auth());
  const ends = open.map(({ closed }) => closed.then(() => performance.now()));
  const Name = uuid(systemRandom);
  const asked = performance.now();
  await auth.upsertLock({
    Kind: "lock",
    Version: "v2",
    Metadata: { Name },
    Spec: { Target: { Device: deviceId }, Message: "measured" },
  });
  const acknowledged = performance.now();
  const times = (await Promise.all(ends)).map((end) => end - asked);
  const afterwards = times.map((time) => Math.max(0, time - (acknowledged - asked)));
  await auth.deleteLock({ Name });
  access.close();
  admin.close();
  const sessionsOf = `of ${sessions} SSH sessions on a locked device`;
  return [
    {
      what: `cut ${sessionsOf} after the lock is asked for, median`,
      unit: "ms",
      ours: percentile(times, 0.5),
    },
    { what: "the same, 99th percentile", unit: "ms", ours: percentile(times, 0.99) },
    {
      what: `cut ${sessionsOf} after it is acknowledged, median`,
      unit: "ms",
      ours: percentile(afterwards, 0.5),
    },
    {
      what: "the same, 99th percentile",
      unit: "ms",
      ours: percentile(afterwards, 0.99),
      goal: { at: "most", limit: 250 },
    },
  ];
}

async function openSessions(connect: () => Promise<ClientConnection>): Promise<ClientConnection[]> {
  const open: ClientConnection[] = [];
  const worker = async () => {
    while (open.length < sessions) {
      const connection = await connect();
      open.push(connection);
      const session = await connection.openSession();
      await session.exec("cat");
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return open;
}

async function findDeviceId(cluster: { admin(...args: string[]): Promise<string> }, tag: string) {
  const shown = await cluster.admin("get", `device/${tag}`, "--format=json");
  const [device] = JSON.parse(shown) as { metadata: { name: string } }[];
  if (device === undefined) throw new Error(`no device ${tag}`);
  return device.metadata.name;
}
