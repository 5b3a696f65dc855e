/**
 * Inventory from an MDM, with real processes: a cluster, an inventory service on a machine of its own that joins with a
 * token of type mdm, and a simulated Jamf Pro.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { Cluster } from "../support/cluster.ts";
import { FakeJamf, jamfClient } from "../support/fake-mdm/jamf.ts";
import { FakeMdm } from "../support/fake-mdm/server.ts";

const inventory = "/api/v1/computers-inventory";

let cluster: Cluster;
let jamf: FakeJamf;
let mdm: FakeMdm;
let service: AgentHost;
let config: string;

before(async () => {
  cluster = await Cluster.start();
  jamf = new FakeJamf(
    Array.from({ length: 12 }, (_, i) => ({ id: String(i + 1), serial: `JAMF${i + 101}` })),
  );
  mdm = await FakeMdm.start(jamf);
  mkdirSync(join(cluster.folder, "mdm"), { mode: 0o700 });
  writeFileSync(join(cluster.folder, "mdm", "secret"), `${jamfClient.secret}\n`, { mode: 0o600 });
  writeFileSync(join(cluster.folder, "mdm", "ca.pem"), mdm.authority);
  config = await printedConfig("mdm", "data");
});

after(async () => {
  await service?.stop();
  await mdm?.close();
  await cluster?.close();
});

/** The configuration that `tctl tokens add` prints, filled in as it asks for. */
async function printedConfig(types: string, folder: string): Promise<string> {
  const printed = await cluster.admin("tokens", "add", `--type=${types}`);
  const start = printed.indexOf("version: v3");
  return printed
    .slice(start, printed.indexOf("\nThen run there", start))
    .replace("teleport:\n", `teleport:\n  data_dir: ${join(cluster.folder, "mdm", folder)}\n`)
    .replace("https://yourtenant.jamfcloud.com/api", `${mdm.origin}/api`)
    .replace("CLIENT-ID", jamfClient.id)
    .replace("/etc/gatehouse/jamf-secret", join(cluster.folder, "mdm", "secret"));
}

function start(text: string): AgentHost {
  const folder = join(cluster.folder, "mdm");
  return new AgentHost(folder, text, { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") });
}

/** Asset tag and source of every device. */
async function listed(): Promise<string[]> {
  const table = await cluster.admin("devices", "ls");
  const rows = table.trim().split("\n").slice(2);
  return rows.map((row) => row.replace(/ +not enrolled.*$/, "").replace(/ +/g, " "));
}

test("devices of Jamf Pro appear in the inventory, and one that was added by hand is claimed", async () => {
  await cluster.admin("devices", "add", "--os=macos", "--asset-tag=JAMF101");
  await cluster.admin("devices", "add", "--os=linux", "--asset-tag=BYHAND");
  service = start(config);
  await service.until("Sync complete");
  const expected = Array.from({ length: 12 }, (_, i) => `JAMF${i + 101} macOS Jamf`);
  assert.deepEqual(await listed(), ["BYHAND Linux", ...expected]);
  assert.match(service.log, /Starting sync/);
  assert.match(service.log, /Device sync report, page #0 deletes:0 failures:0 upserts:12/);
  assert.doesNotMatch(service.log, new RegExp(`${jamfClient.secret}|simulated-token`));
});

test("the events name the service, and what it did", async () => {
  const text = await cluster.admin("audit", "ls", "--kind=device.create", "--format=json");
  const events = JSON.parse(text) as { user: string; device: { device_origin?: number } }[];
  const synced = events.filter(({ device }) => device.device_origin === 2);
  assert.equal(synced.length, 11, "all but the one that was there already");
  assert.equal(new Set(synced.map(({ user }) => user)).size, 1);
  const joins = JSON.parse(
    await cluster.admin("audit", "ls", "--kind=instance.join", "--format=json"),
  ) as { role?: string }[];
  assert.deepEqual(
    joins.map(({ role }) => role).filter((role) => role === "MDM"),
    ["MDM"],
  );
});

test("it comes back without a token, removes what Jamf Pro lost, and with NOOP removes nothing", async () => {
  assert.equal(await service.stop(), 0);
  jamf.computers.splice(0, 2);
  const joined = config.replace(/^ *(auth_token|ca_pin):.*\n/gm, "");
  const entry = (onMissing: string) =>
    `${joined}  inventory:\n  - {sync_period_full: 24h, on_missing: ${onMissing}, page_size: 5}\n`;
  service = start(entry("NOOP"));
  await service.until("Sync complete");
  assert.equal((await listed()).length, 13);
  assert.equal(await service.stop(), 0);
  service = start(entry("DELETE"));
  await service.until("Sync complete");
  assert.equal(await service.stop(), 0);
  const left = await listed();
  assert.equal(left.length, 11);
  assert.deepEqual(left.slice(0, 2), ["BYHAND Linux", "JAMF103 macOS Jamf"]);
});

test("exit_on_sync ends the process after one run: with zero when it went well, with one when not", async () => {
  const once = `${config.replace(/^ *(auth_token|ca_pin):.*\n/gm, "")}  exit_on_sync: true\n`;
  const good = start(once);
  assert.equal(await good.end(), 0, good.log);
  assert.match(good.log, /Sync complete/);
  mdm.intercept = ({ path }) => (path === inventory ? { status: 403 } : undefined);
  const bad = start(once);
  assert.equal(await bad.end(), 1);
  assert.match(bad.log, /^ERROR: Jamf Pro refuses the question \(HTTP 403\)$/m);
  assert.match(bad.log, /^hint: .*"Read Computers"/m);
  mdm.intercept = () => undefined;
  assert.equal((await listed()).length, 11, "nothing was removed");
});

test("it runs beside an SSH server, which joins with the same token under another id", async () => {
  const both = start(
    (await printedConfig("node,mdm", "both")).replace(
      "teleport:\n",
      "teleport:\n  nodename: both\n",
    ),
  );
  await both.until("Sync complete");
  await both.until(" ready ");
  assert.match(await cluster.admin("nodes", "ls"), /^both /m);
  assert.equal(await both.stop(), 0);
  const events = JSON.parse(
    await cluster.admin("audit", "ls", "--kind=instance.join", "--format=json"),
  ) as { node_name: string; role: string; host_id: string }[];
  const joined = events.filter(({ node_name }) => node_name === "both");
  assert.deepEqual(joined.map(({ role }) => role).sort(), ["MDM", "Node"]);
  assert.equal(new Set(joined.map(({ host_id }) => host_id)).size, 2);
});

test("it runs in the process of a cluster, without a token", async () => {
  const data = join(cluster.folder, "mdm", "cluster");
  const lines = config.slice(config.indexOf("jamf_service:"));
  const whole = start(
    [
      ...[
        "version: v3",
        `teleport: {data_dir: ${data}, nodename: whole}`,
        "ssh_service: {enabled: no}",
      ],
      'proxy_service: {web_listen_addr: "127.0.0.1:0"}',
      lines,
    ].join("\n"),
  );
  await whole.until("Sync complete");
  const ran = await cluster.host.run("tctl", [`--data-dir=${data}`, "devices", "ls"]);
  assert.equal(ran.stdout.match(/ macOS Jamf /g)?.length, jamf.computers.length, ran.stderr);
  assert.equal(await whole.stop("SIGTERM"), 0);
});

test("a token of another type does not admit an inventory service", async () => {
  const printed = await cluster.admin("tokens", "add", "--type=node");
  const [, token = ""] = /auth_token: (\S+)/.exec(printed) ?? [];
  const other = config
    .replace(/auth_token: \S+/, `auth_token: ${token}`)
    .replace(/data_dir: \S+/, `data_dir: ${join(cluster.folder, "mdm", "other")}`);
  const refused = start(other);
  assert.equal(await refused.end(), 1);
  assert.match(refused.log, /^ERROR: .*token/m);
  assert.match(refused.log, /^hint: .*tctl tokens add --type=mdm/m);
});
