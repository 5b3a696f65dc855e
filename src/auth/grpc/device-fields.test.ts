/** Field masks, unknown fields and the sizes of pages: what clients of other versions may send, and must get. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { DeviceInventory } from "#auth/devices/inventory.ts";
import { isFault } from "#base/fault.ts";
import { DeviceOrigin, DeviceSchema, OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  SyncInventoryRequestSchema,
  SyncInventoryStartSchema,
} from "#gen/teleport/devicetrust/v1/inventory_pb.ts";
import {
  BulkCreateDevicesRequestSchema,
  CreateDeviceRequestSchema,
  DeviceView,
  ListDevicesRequestSchema,
} from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";

async function start() {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  return { cluster, devices: await admin.client.service("devices") };
}

const mac = { osType: OSType.OS_TYPE_MACOS, assetTag: "XX1" };
const invalid = (words: RegExp) => (error: unknown) =>
  isFault(error, "invalid") && words.test(`${error.message} ${error.hint}`);

test("a mask may name parts of profile and source; the rest of them stays", async () => {
  const { cluster, devices } = await start();
  const profile = { osVersion: "15.1", osBuild: "24B83", osUsernames: ["alice"] };
  const source = { name: "jamf-2", origin: DeviceOrigin.JAMF };
  const { id } = await devices.createDevice({ device: { ...mac, profile, source } });
  const update = (device: object, ...paths: string[]) =>
    devices.updateDevice({ device: { id, ...device }, updateMask: { paths } });
  const sent = { profile: { osVersion: "15.2", osBuild: "ignored" }, source: { name: "jamf-3" } };
  const changed = await update(sent, "profile.os_version", "profile.os_usernames", "source.name");
  assert.deepEqual(
    [changed.profile?.osVersion, changed.profile?.osBuild, changed.profile?.osUsernames],
    ["15.2", "24B83", []],
  );
  assert.deepEqual([changed.source?.name, changed.source?.origin], ["jamf-3", DeviceOrigin.JAMF]);
  const both = await update({ profile: { osBuild: "1" } }, "profile.os_version", "profile");
  assert.deepEqual([both.profile?.osVersion, both.profile?.osBuild], ["", "1"]);
  const stamp = timestampFromDate(new Date("2026-01-01T00:00:00Z"));
  const dated = await update({ profile: { updateTime: stamp } }, "profile.update_time");
  assert.equal(
    dated.profile?.updateTime && timestampDate(dated.profile.updateTime).getUTCFullYear(),
    2026,
  );
  await cluster.close();
});

test("a mask that names what no device has changes nothing, and says so", async () => {
  const { cluster, devices } = await start();
  const { id } = await devices.createDevice({ device: mac });
  for (const [path, words] of [
    ["ownr", /"ownr".*did you mean owner/],
    ["*", /"\*"/],
    ["", /""/],
    ["profile.", /"profile\."/],
    ["profile.nothing", /"profile\.nothing"/],
    ["profile.os_version.x", /"profile\.os_version\.x"/],
    ["credential.id", /"credential\.id"/],
    ["__proto__", /"__proto__"/],
    ["constructor.name", /"constructor\.name"/],
    ["osType", /"osType".*did you mean os_type/],
  ] as const) {
    const updateMask = { paths: ["owner", path] };
    const call = devices.updateDevice({ device: { id, owner: "bob" }, updateMask });
    await assert.rejects(call, invalid(words), path);
  }
  assert.equal((await devices.getDevice({ deviceId: id })).owner, "");
  await cluster.close();
});

/** The message with a field that no version of it has: a length-delimited one, with a number of its own. */
function withUnknown<T extends Message>(message: T): T {
  const data = new BinaryWriter().string("from a newer version").finish();
  message.$unknown = [{ no: 1999, wireType: WireType.LengthDelimited, data }];
  return message;
}

test("fields of newer versions are tolerated in every message, and not stored", async () => {
  const { cluster, devices } = await start();
  const device = withUnknown(create(DeviceSchema, mac));
  const made = await devices.createDevice(
    withUnknown(create(CreateDeviceRequestSchema, { device })),
  );
  assert.equal(made.$unknown, undefined);
  const other = withUnknown(create(DeviceSchema, { ...mac, assetTag: "XX2" }));
  const bulk = withUnknown(create(BulkCreateDevicesRequestSchema, { devices: [other] }));
  assert.equal((await devices.bulkCreateDevices(bulk)).devices[0]?.status?.code, 0);
  const list = withUnknown(create(ListDevicesRequestSchema, { view: DeviceView.RESOURCE }));
  const listed = await devices.listDevices(list);
  assert.deepEqual(
    listed.devices.map(({ $unknown }) => $unknown),
    [undefined, undefined],
  );
  const sync = await devices.syncInventory();
  const value = withUnknown(
    create(SyncInventoryStartSchema, { source: { name: "jamf", origin: DeviceOrigin.JAMF } }),
  );
  await sync.send(
    withUnknown(create(SyncInventoryRequestSchema, { payload: { case: "start", value } })),
  );
  assert.equal((await sync.receive())?.payload.case, "ack");
  await sync.send(
    create(SyncInventoryRequestSchema, {
      payload: { case: "devicesToUpsert", value: { devices: [device] } },
    }),
  );
  const result = (await sync.receive())?.payload;
  assert.ok(result?.case === "result" && result.value.devices[0]?.status?.code === 0);
  sync.cancel();
  await cluster.close();
});

test("numbers that no enumeration has are refused by name", async () => {
  const { cluster, devices } = await start();
  for (const [device, words] of [
    [{ ...mac, osType: 99 as OSType }, /os.type/i],
    [{ ...mac, source: { name: "x", origin: 99 as DeviceOrigin } }, /origin/i],
  ] as const) {
    await assert.rejects(devices.createDevice({ device }), invalid(words));
  }
  await cluster.close();
});

test("a page token that is none is refused", async () => {
  const { cluster, devices } = await start();
  for (const pageToken of ["x", "../etc", "\0", "é".repeat(36), "0".repeat(2000)]) {
    await assert.rejects(devices.listDevices({ pageToken }), invalid(/page token/), pageToken);
    await assert.rejects(devices.listDevicesByUser({ pageToken }), invalid(/page token/));
  }
  await cluster.close();
});

test("pages of the full view end before a message becomes too long, and leave no device out", async () => {
  const { cluster, devices } = await start();
  const { context } = cluster.auth;
  const inventory = new DeviceInventory(context);
  const count = 120;
  const many = Array.from({ length: count }, (_, i) => ({ ...mac, assetTag: `T${i}` }));
  const made = await devices.bulkCreateDevices({ devices: many });
  // As much as devices with several banks of PCRs carry after some logins.
  const said = {
    os_type: "macos",
    serial_number: "S",
    macos_enrollment_profiles: "x".repeat(4000),
  } as const;
  for (const { id } of made.devices) {
    await inventory.modify(id, "admin", ({ device }) => {
      return { device, record: { recent: Array.from({ length: 10 }, () => said) } };
    });
  }
  const tags = new Set<string>();
  let pages = 0;
  let pageToken = "";
  do {
    const page = await devices.listDevices({ view: DeviceView.RESOURCE, pageToken });
    for (const { assetTag, collectedData } of page.devices) {
      assert.equal(collectedData.length, 10);
      tags.add(assetTag);
    }
    pages++;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.equal(tags.size, count);
  assert.ok(pages > 2, `${pages} pages`);
  await cluster.close();
});
