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

test("an enrolment survives synchronisations, and an unchanged device is not written again", async () => {
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
