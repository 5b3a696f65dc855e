/** An inventory of 100 000 devices: registered in bulk, listed, looked up, and synchronized from a simulated Jamf Pro. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { apiVersion } from "#api/version.ts";
import { dialCluster } from "#client/cluster/dial.ts";
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { readLocalAdmin } from "#tctl/local-admin.ts";
import { Cluster } from "../../test/support/cluster.ts";
import { FakeJamf, jamfClient } from "../../test/support/fake-mdm/jamf.ts";
import { FakeMdm } from "../../test/support/fake-mdm/server.ts";
import type { Bench } from "../context.ts";
import { median, peakMib, rateAtOnce } from "../measure.ts";
import type { Row } from "../row.ts";

const count = 100_000;
const batch = 1000;
const lookups = 500;

/** Both halves, each in a cluster of its own. */
export async function measureInventory(bench: Bench): Promise<Row[]> {
  const programs = await bench.programs();
  const rows: Row[] = [];
  for (const measure of [measureBulk, measureSync]) {
    const cluster = await Cluster.start({ programs });
    try {
      rows.push(...(await measure(cluster, programs)));
    } finally {
      await cluster.close();
    }
  }
  return rows;
}

async function measureBulk(cluster: Cluster): Promise<Row[]> {
  const grpc = await connect(cluster);
  const devices = createClient(DeviceTrustService, grpc);
  const start = performance.now();
  // Two requests under way: the server works while the client writes the next.
  await rateAtOnce(count / batch, 2, async (index) => {
    const some = Array.from({ length: batch }, (_, i) => ({
      osType: OSType.OS_TYPE_MACOS,
      assetTag: serialOf(index * batch + i),
    }));
    const answer = await devices.bulkCreateDevices({ devices: some });
    const failed = answer.devices.find(({ status }) => status?.code);
    if (failed) throw new Error(`a device was refused: ${failed.status?.message}`);
  });
  const registered = performance.now() - start;
  const listings: number[] = [];
  for (let round = 0; round < 5; round++) {
    const begun = performance.now();
    let listed = 0;
    let pageToken = "";
    do {
      const page = await devices.listDevices({ pageSize: batch, pageToken });
      listed += page.devices.length;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    if (listed !== count) throw new Error(`${listed} devices were listed`);
    listings.push(performance.now() - begun);
  }
  const found: number[] = [];
  for (let i = 0; i < lookups; i++) {
    const begun = performance.now();
    const answer = await devices.findDevices({ idOrTag: serialOf((i * 7919) % count) });
    if (answer.devices.length !== 1) throw new Error("a device was not found");
    found.push(performance.now() - begun);
  }
  await grpc.close();
  return [
    {
      what: `bulk registration of ${count} devices`,
      unit: "s",
      ours: registered / 1000,
      goal: { at: "most", limit: 20 },
    },
    {
      what: `paged listing of ${count} devices`,
      unit: "s",
      ours: median(listings) / 1000,
      goal: { at: "most", limit: 0.6 },
    },
    {
      what: `lookup of a device among ${count}`,
      unit: "ms",
      ours: median(found),
      goal: { at: "most", limit: 1 },
    },
  ];
}

async function measureSync(cluster: Cluster, programs: string): Promise<Row[]> {
  const jamf = new FakeJamf(
    Array.from({ length: count }, (_, i) => ({ id: String(i + 1), serial: serialOf(i) })),
  );
  const mdm = await FakeMdm.start(jamf);
  try {
    const folder = await prepareService(cluster, mdm);
    const before = peakMib(cluster.serverPid);
    const first = await runService(programs, folder);
    const again = await runService(programs, folder);
    return [
      { what: `Jamf sync of ${count} new devices`, unit: "s", ours: first.ms / 1000 },
      { what: "the same again, nothing has changed", unit: "s", ours: again.ms / 1000 },
      {
        what: "peak memory of the inventory service",
        unit: "MiB",
        ours: Math.max(first.mib, again.mib),
        goal: { at: "most", limit: 256 },
      },
      {
        what: "what the syncs added to the cluster's peak memory",
        unit: "MiB",
        ours: peakMib(cluster.serverPid) - before,
      },
    ];
  } finally {
    await mdm.close();
  }
}

/** Makes the folder of a service that runs once. */
async function prepareService(cluster: Cluster, mdm: FakeMdm): Promise<string> {
  const folder = join(cluster.folder, "mdm");
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "secret"), jamfClient.secret, { mode: 0o600 });
  writeFileSync(join(folder, "ca.pem"), mdm.authority);
  const printed = await cluster.admin("tokens", "add", "--type=mdm", "--format=json");
  const { token } = JSON.parse(printed) as { token: string };
  const [, pin = ""] = /(sha256:[0-9a-f]{64})/.exec(await cluster.admin("status")) ?? [];
  writeFileSync(
    join(folder, "gatehouse.yaml"),
    [
      ...["version: v3", "teleport:", `  data_dir: ${join(folder, "data")}`],
      ...[`  proxy_server: ${cluster.proxy}`, `  auth_token: ${token}`],
      ...(pin === "" ? [] : [`  ca_pin: ${pin}`]),
      ...["auth_service: {enabled: no}", "proxy_service: {enabled: no}"],
      ...["ssh_service: {enabled: no}", "jamf_service:", `  api_endpoint: ${mdm.origin}/api`],
      ...[`  client_id: ${jamfClient.id}`, "  client_secret_file: secret", "  exit_on_sync: yes"],
      "",
    ].join("\n"),
  );
  return folder;
}

/** One run in a process of its own: until it ends, and the most memory that it held. */
async function runService(programs: string, folder: string): Promise<{ ms: number; mib: number }> {
  const start = performance.now();
  const args = ["start", `--config=${join(folder, "gatehouse.yaml")}`];
  const child = spawn(join(programs, "gatehouse"), args, {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-10_000);
  });
  let mib = 0;
  const timer = setInterval(() => {
    mib = Math.max(mib, peakMib(child.pid ?? 0));
  }, 50);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearInterval(timer);
  process.removeListener("exit", kill);
  if (code !== 0) throw new Error(`the inventory service ended with ${code}:\n${log}`);
  return { ms: performance.now() - start, mib };
}

async function connect(cluster: Cluster): Promise<GrpcClient> {
  const { address, identity } = await readLocalAdmin(cluster.dataDir);
  const metadata = { version: apiVersion };
  return new GrpcClient(() => dialCluster(address, ["h2"], identity), { metadata });
}

function serialOf(index: number): string {
  return `BENCH${String(index).padStart(7, "0")}`;
}
