/** SyncInventory over gRPC: batches, what is missing, and who may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuthClient } from "#api/client.ts";
import { isFault } from "#base/fault.ts";
import {
  DeviceEnrollStatus,
  DeviceOrigin,
  OSType,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { enrollAs, logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";

const jamf = { name: "jamf", origin: DeviceOrigin.JAMF };
const mac = (assetTag: string, osVersion = "15.1") => ({
  osType: OSType.OS_TYPE_MACOS,
  assetTag,
  profile: { osVersion, externalId: `ext-${assetTag}` },
});

async function begin(client: AuthClient, start: object) {
  const call = await (await client.service("devices")).syncInventory();
  await call.send({ payload: { case: "start", value: start } });
  const ack = await call.receive();
  assert.equal(ack?.payload.case, "ack");
  const outcomes = async () => {
    const answer = await call.receive();
    assert.equal(answer?.payload.case, "result");
    return answer.payload.value.devices;
  };
  return {
    call,
    async upsert(...devices: object[]) {
      await call.send({ payload: { case: "devicesToUpsert", value: { devices } } });
      return outcomes();
    },
    async remove(...devices: object[]) {
      await call.send({ payload: { case: "devicesToRemove", value: { devices } } });
      return outcomes();
    },
    end: () => call.send({ payload: { case: "end", value: {} } }),
  };
}

test("a full synchronisation adds, updates and claims devices, names the missing ones and removes what the client says", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await admin.client.service("devices");
  await devices.createDevice({
    device: { ...mac("MINE"), source: { name: "x", origin: DeviceOrigin.API } },
  });
  await devices.createDevice({ device: { ...mac("GONE"), source: jamf } });
  await devices.createDevice({ device: { ...mac("KEPT"), source: jamf } });
  await devices.createDevice({ device: mac("HAND") });

  const mdm = cluster.as("MDM");
  const sync = await begin(mdm, { source: jamf, trackMissingDevices: true });
  const results = await sync.upsert(mac("NEW"), mac("HAND", "15.2"), { assetTag: "" });
  assert.deepEqual(
    results.map(({ status }) => status?.code),
    [0, 0, 3],
  );
  await sync.end();
  const missing = await sync.call.receive();
  assert.equal(missing?.payload.case, "missingDevices");
  const named = missing.payload.value.devices;
  assert.deepEqual(named.map(({ assetTag }) => assetTag).sort(), ["GONE", "KEPT"]);
  assert.ok(named.every(({ profile, assetTag }) => profile?.externalId === `ext-${assetTag}`));
  const gone = named.filter(({ assetTag }) => assetTag === "GONE");
  const [removed] = await sync.remove(...gone);
  assert.equal(removed?.deleted, true);
  assert.equal(await sync.call.receive(), undefined);

  const { devices: all } = await devices.listDevices({ view: DeviceView.RESOURCE });
  const rows = all.map(({ assetTag, source, profile }) => [
    assetTag,
    source?.name,
    profile?.osVersion,
  ]);
  assert.deepEqual(rows.sort(), [
    ["HAND", "jamf", "15.2"],
    ["KEPT", "jamf", "15.1"],
    ["MINE", "x", "15.1"],
    ["NEW", "jamf", "15.1"],
  ]);
  await cluster.close();
});

test("an enrollment survives synchronisations, and an unchanged device is not written again", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  const sync = await begin(admin.client, { source: jamf });
  await sync.upsert(mac("PF47WND6"));
  const devices = await admin.client.service("devices");
  const read = async () => (await devices.findDevices({ idOrTag: "PF47WND6" })).devices[0];
  const first = await read();
  assert.equal(first?.enrollStatus, DeviceEnrollStatus.ENROLLED);
  assert.equal(first.owner, "admin");
  cluster.clock.advance(1000);
  await sync.upsert(mac("PF47WND6"));
  assert.deepEqual(await read(), first);
  await sync.end();
  assert.equal(await sync.call.receive(), undefined);
  await cluster.close();
});

test("a source takes out its own devices only", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await admin.client.service("devices");
  await devices.createDevice({ device: mac("HAND") });
  await devices.createDevice({ device: { ...mac("OURS"), source: jamf } });
  const sync = await begin(admin.client, { source: jamf });
  const results = await sync.remove(mac("HAND"), mac("OURS"), mac("NONE"));
  assert.deepEqual(
    results.map(({ status }) => status?.code),
    [9, 0, 5],
  );
  sync.call.cancel();
  await cluster.close();
});

test("strangers to the task, missing sources and messages out of order are refused", async () => {
  const cluster = await startTestAuth();
  const nobody = await logIn(cluster, "nobody", { roles: ["device-enroll"] });
  for (const client of [nobody.client, cluster.as("Node"), cluster.as("Proxy")]) {
    await assert.rejects(begin(client, { source: jamf }), (error) =>
      isFault(error, "access-denied"),
    );
  }
  const mdm = cluster.as("MDM");
  for (const source of [undefined, { name: "" }, { name: "x" }]) {
    await assert.rejects(begin(mdm, { source }), (error) => isFault(error, "invalid"));
  }
  const early = await (await mdm.service("devices")).syncInventory();
  await early.send({ payload: { case: "end", value: {} } });
  await assert.rejects(early.receive(), (error) => isFault(error, "invalid"));
  const twice = await begin(mdm, { source: jamf });
  await twice.call.send({ payload: { case: "start", value: { source: jamf } } });
  await assert.rejects(twice.call.receive(), (error) => isFault(error, "invalid"));
  const many = Array.from({ length: 1001 }, (_, i) => mac(`T${i}`));
  const sync = await begin(mdm, { source: jamf });
  await assert.rejects(sync.upsert(...many), (error) => isFault(error, "limit"));
  await cluster.close();
});

test("a device that could not be updated was named all the same, and is not missing", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await admin.client.service("devices");
  await devices.createDevice({ device: { ...mac("OURS"), source: jamf } });
  const sync = await begin(cluster.as("MDM"), { source: jamf, trackMissingDevices: true });
  const unreadable = { ...mac("OURS"), profile: { updateTime: { seconds: 1n << 60n, nanos: 0 } } };
  const [outcome] = await sync.upsert(unreadable);
  assert.equal(outcome?.status?.code, 3, outcome?.status?.message ?? "");
  await sync.end();
  assert.equal(await sync.call.receive(), undefined, "nothing is missing");
  await cluster.close();
});

test("devices of one batch that are the same device are written in their order", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const sync = await begin(admin.client, { source: jamf });
  const versions = Array.from({ length: 20 }, (_, i) => mac("TWICE", `15.${i}`));
  const results = await sync.upsert(...versions);
  assert.equal(new Set(results.map(({ id }) => id)).size, 1);
  assert.ok(results.every(({ status }) => status?.code === 0));
  const { devices } = await (await admin.client.service("devices")).findDevices({
    idOrTag: "TWICE",
  });
  assert.deepEqual(
    devices.map(({ profile }) => profile?.osVersion),
    ["15.19"],
  );
  sync.call.cancel();
  await cluster.close();
});

test("what is missing comes in pages, also of a source with more devices than one page holds", async () => {
  const cluster = await startTestAuth();
  const mdm = cluster.as("MDM");
  const first = await begin(mdm, { source: jamf });
  for (let at = 0; at < 1200; at += 600) {
    await first.upsert(...Array.from({ length: 600 }, (_, i) => mac(`P${at + i}`)));
  }
  await first.end();
  const second = await begin(mdm, { source: jamf, trackMissingDevices: true });
  await second.upsert(mac("P7"));
  await second.end();
  const named = new Set<string>();
  for (;;) {
    const answer = await second.call.receive();
    if (answer === undefined) break;
    assert.equal(answer.payload.case, "missingDevices");
    for (const { assetTag } of answer.payload.value.devices) named.add(assetTag ?? "");
    await second.remove();
  }
  assert.equal(named.size, 1199);
  assert.equal(named.has("P7"), false);
  await cluster.close();
});

test("a device that was taken from its person is unenrolled where the run asks for it, with the reason in the audit log", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  const status = async () => {
    const devices = await admin.client.service("devices");
    return (await devices.findDevices({ idOrTag: "PF47WND6" })).devices[0]?.enrollStatus;
  };
  const assign = async (owner: string, metadata: Record<string, string>) => {
    const call = await (await cluster.as("MDM").service("devices")).syncInventory({ metadata });
    await call.send({ payload: { case: "start", value: { source: jamf } } });
    await call.receive();
    const devices = [{ ...mac("PF47WND6"), owner }];
    await call.send({ payload: { case: "devicesToUpsert", value: { devices } } });
    const answer = await call.receive();
    assert.equal(answer?.payload.case, "result");
    assert.equal(answer.payload.value.devices[0]?.status?.code, 0);
    await call.send({ payload: { case: "end", value: {} } });
    assert.equal(await call.receive(), undefined);
  };
  const follow = { "gatehouse-on-owner-change": "unenroll" };
  await assign("Alice@example.com", follow);
  await assign("bob@example.com", {});
  await assign("alice@example.com ", follow);
  assert.equal(await status(), DeviceEnrollStatus.ENROLLED, "nothing has changed hands");
  await assign("bob@example.com", follow);
  assert.equal(await status(), DeviceEnrollStatus.NOT_ENROLLED);
  const event = await cluster.lastEvent("device.update");
  assert.equal(
    event?.["message"],
    "unenrolled: jamf has assigned the device to bob@example.com, it was alice@example.com's",
  );
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  await assign("bob@example.com", follow);
  assert.equal(await status(), DeviceEnrollStatus.ENROLLED);
  await assign("", follow);
  assert.equal(await status(), DeviceEnrollStatus.NOT_ENROLLED, "taken back into stock");
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  await assign("carol@example.com", follow);
  assert.equal(await status(), DeviceEnrollStatus.ENROLLED, "given out from stock");
  await cluster.close();
});
