import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { runAuthentication } from "#client/ceremony/authenticate.ts";
import type { DeviceAuthenticator } from "#client/cluster/device-session.ts";
import { markDevice } from "#client/device-mark.ts";
import { DirectAccess } from "#client/direct-access.ts";
import { readCredentials, saveLogin } from "#client/profile/store.ts";
import { certificateStamp, summarizeLogin } from "#client/profile/summary.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { nodeName, startFakeCluster } from "../../test/support/client/fake-cluster.ts";
import { startTestHome } from "../../test/support/client/tsh.ts";
import { SimulatedTpmDevice } from "../../test/support/simulated-devices.ts";

const query = { labels: {}, predicate: "", search: [] };

/** A device port over a simulated TPM. */
function simulatedDevice(): DeviceAuthenticator & { runs: number } {
  const device = new SimulatedTpmDevice("linux");
  return {
    runs: 0,
    hasCredential: () => true,
    authenticate(auth, proof) {
      this.runs++;
      const data = {
        collectTime: new Date(),
        osType: "linux" as const,
        serialNumber: "C00AA0AAAA0A",
        modelIdentifier: "",
        osVersion: "12",
        osBuild: "",
        osUsername: "alice",
        jamfBinaryVersion: "",
        macosEnrollmentProfiles: "",
        reportedAssetTag: "",
        systemSerialNumber: "",
        baseBoardSerialNumber: "",
        osId: "debian",
        osLoginUser: "alice",
      };
      return runAuthentication(auth, device, data, proof);
    },
  };
}

async function start(context: TestContext, options: Parameters<typeof startTestHome>[0] = {}) {
  const home = await startTestHome(options);
  context.after(() => home.close());
  return home;
}

test("lists every page of nodes, over one connection", async (context) => {
  const { login } = await start(context);
  const access = new DirectAccess({ login, device: undefined });
  const nodes = await access.listNodes(query);
  assert.deepEqual(
    nodes.map(({ spec }) => spec.hostname),
    [nodeName, "db-1"],
  );
  access.close();
});

test("reaches a node through our own tunnel, or through ProxySSH when the proxy knows no other way", async (context) => {
  for (const tunnel of [true, false]) {
    const { login, cluster } = await start(context, { tunnel });
    const access = new DirectAccess({ login, device: undefined });
    const stream = await access.dialNode({ host: nodeName, port: 0, login: "root" });
    const banner = await new Promise<string>((resolve) =>
      stream.once("data", (bytes: Buffer) => resolve(bytes.toString())),
    );
    assert.match(banner, /^SSH-2\.0-/);
    assert.deepEqual(cluster.calls, [
      tunnel ? `tunnel root@${nodeName}:0` : "ProxySSH",
      `dial ${nodeName}:0`,
    ]);
    stream.destroy();
    access.close();
  }
});

test("a node that the proxy does not know is refused with its sentence and hint", async (context) => {
  for (const tunnel of [true, false]) {
    const { login } = await start(context, { tunnel });
    const access = new DirectAccess({ login, device: undefined });
    await assert.rejects(
      access.dialNode({ host: "nonode", port: 0, login: "root" }),
      (error) =>
        isFault(error, "not-found") && /^failed connecting to host nonode:0: /.test(error.message),
    );
    access.close();
  }
});

test("a proxy of another cluster is not spoken to", async (context) => {
  const { login, folder, cluster } = await start(context);
  const other = await startFakeCluster();
  context.after(() => other.close());
  const swapped = await saveLogin(
    folder,
    { ...cluster.document, webProxyAddr: `localhost:${other.port}` },
    await readCredentials(login),
    cluster.authorities,
  );
  const access = new DirectAccess({ login: swapped, device: undefined });
  await assert.rejects(access.listNodes(query), (error) => isFault(error, "unproven"));
  assert.deepEqual(other.calls, []);
});

test("an expired login says so before anything is dialled", async (context) => {
  const { login, cluster } = await start(context);
  const clock = new ManualClock(new Date(Date.now() + 7_200_000));
  const access = new DirectAccess({ login, device: undefined, clock });
  await assert.rejects(
    access.listNodes(query),
    (error) => isFault(error, "unproven") && /tsh login/.test(error.hint ?? ""),
  );
  assert.deepEqual(cluster.calls, []);
});

test("the device is authenticated once for many requests, with keys that the profile never sees", async (context) => {
  const { login, cluster, folder } = await start(context);
  const device = simulatedDevice();
  const access = new DirectAccess({ login, device });
  const [identity, again] = await Promise.all([access.identity(), access.identity()]);
  await access.listNodes(query);
  assert.equal(identity, again);
  assert.equal(device.runs, 1);
  assert.equal(identity.assetTag, "C00AA0AAAA0A");
  assert.deepEqual(cluster.calls.slice(0, 2), ["GenerateUserCerts", "AuthenticateDevice"]);
  const stored = await readCredentials(login);
  assert.notEqual(identity.tls.key, stored.tlsKey);
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const text = readFileSync(join(file.parentPath, file.name), "utf8");
    assert.ok(!text.includes(identity.tls.key.trim()), file.name);
  }
  const line = (await readCredentials(login)).sshCertificate;
  const { extensions } = parseCertificate(parseAuthorizedKey(line).blob);
  assert.equal(extensions.has("teleport-device-id"), false);
  access.close();
});

test("a device that the cluster refuses leaves a login without device, and the reason is kept", async (context) => {
  const { login } = await start(context, { device: "refuse" });
  const device = simulatedDevice();
  const access = new DirectAccess({ login, device });
  const state = await access.device();
  assert.deepEqual(state, { assetTag: undefined, problem: "the device is not enrolled" });
  await access.listNodes(query);
  assert.equal(device.runs, 1);
  await access.refreshDevice();
  assert.equal(device.runs, 2);
  access.close();
});

test("half a success of the device authentication is none", async (context) => {
  const { login } = await start(context, { device: "half" });
  const access = new DirectAccess({ login, device: simulatedDevice() });
  const state = await access.device();
  assert.equal(state.assetTag, undefined);
  assert.match(state.problem ?? "", /without a result/);
  access.close();
});

test("the status shows the device on this machine, and not in a copy of the folder elsewhere", async (context) => {
  const { login } = await start(context);
  const stamp = certificateStamp(login) ?? "";
  const access = new DirectAccess({
    login,
    device: simulatedDevice(),
    onDevice: (identity) => markDevice(login, stamp, "this-machine", identity),
  });
  const identity = await access.identity();
  assert.ok(parseCertificate(identity.ssh.certificate).extensions.has("teleport-device-id"));
  const here = await summarizeLogin(login, "this-machine", new Date());
  const elsewhere = await summarizeLogin(login, "another", new Date());
  const names = ["asset-tag", "credential-id", "id"].map((name) => `teleport-device-${name}`);
  assert.deepEqual(
    here?.extensions.filter((name) => name.startsWith("teleport-device")),
    names,
  );
  assert.deepEqual(
    elsewhere?.extensions.filter((name) => name.startsWith("teleport-device")),
    [],
  );
  access.close();
});

test("a connection that the server ended is replaced for the next call", async (context) => {
  const { login, cluster } = await start(context);
  const access = new DirectAccess({ login, device: undefined });
  context.after(() => access.close());
  await access.listNodes(query);
  await cluster.dropConnections();
  assert.equal((await access.listNodes(query)).length, 2);
});
