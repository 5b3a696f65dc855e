/** The inventory and its tokens over gRPC: who may, with which code it is refused, and what is written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type FaultCode, isFault } from "#base/fault.ts";
import { collectedDataMessage } from "#client/ceremony/messages.ts";
import {
  DeviceAttestationType,
  DeviceEnrollStatus,
  DeviceOrigin,
  OSType,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { deviceDataOf, enrollAs, logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";
import { makePreference } from "../../../test/support/policy.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";

const mac = { osType: OSType.OS_TYPE_MACOS, assetTag: "C00AA0AAAA0A" };
const id = "20ec6373-9e8e-46e0-8f1c-47ad6b06a768";

async function start(deviceTrust: object = {}) {
  const authPreference = makePreference({ device_trust: deviceTrust });
  const cluster = await startTestAuth({ authPreference });
  const admin = await logIn(cluster, "admin");
  return { cluster, admin, devices: await admin.client.service("devices") };
}

const refused = (code: FaultCode, text?: RegExp) => (error: unknown) => {
  assert.ok(isFault(error, code), String(error));
  if (text) assert.match(error.message, text);
  return true;
};

test("a device is registered once per operating system, with an id of its own and its event", async () => {
  const { cluster, devices } = await start();
  const created = await devices.createDevice({ device: mac });
  assert.match(created.id, /^[0-9a-f-]{36}$/);
  assert.equal(created.apiVersion, "v1");
  assert.equal(created.enrollStatus, DeviceEnrollStatus.NOT_ENROLLED);
  assert.equal(created.enrollToken, undefined);
  await assert.rejects(devices.createDevice({ device: mac }), refused("already-exists"));
  cluster.clock.advance(1);
  await devices.createDevice({ device: { ...mac, osType: OSType.OS_TYPE_LINUX } });
  const { devices: found } = await devices.findDevices({ idOrTag: mac.assetTag });
  assert.equal(found.length, 2);
  const event = await cluster.lastEvent("device.create");
  assert.equal(event?.code, "TV001I");
  assert.deepEqual(event["device"], {
    device_id: found.find(({ osType }) => osType === OSType.OS_TYPE_LINUX)?.id,
    os_type: 1,
    asset_tag: mac.assetTag,
  });
  await cluster.close();
});

test("a plain create takes nothing over that only the server may set", async () => {
  const { cluster, devices } = await start();
  const created = await devices.createDevice({
    device: {
      ...mac,
      id,
      enrollStatus: DeviceEnrollStatus.ENROLLED,
      credential: { id: "stolen" },
      createTime: timestampFromDate(new Date(0)),
    },
  });
  assert.notEqual(created.id, id);
  assert.equal(created.enrollStatus, DeviceEnrollStatus.NOT_ENROLLED);
  assert.equal(created.credential, undefined);
  assert.notEqual(created.createTime?.seconds, 0n);
  await cluster.close();
});

test("a create as resource restores id, times and a sound credential, and refuses an unsound one", async () => {
  const { cluster, devices } = await start();
  const simulated = new SimulatedAppleDevice();
  const { macos } = await simulated.enrollInit();
  const backup = {
    ...mac,
    id,
    owner: "alice",
    enrollStatus: DeviceEnrollStatus.ENROLLED,
    credential: {
      id: simulated.credentialId,
      publicKeyDer: macos?.publicKeyDer ?? new Uint8Array(),
    },
    createTime: timestampFromDate(new Date("2023-06-21T19:44:40Z")),
  };
  const asResource = (device: object) =>
    devices.createDevice({ device: { ...backup, ...device }, createAsResource: true });
  await assert.rejects(asResource({ credential: { id: "x" } }), refused("invalid", /credential/));
  await assert.rejects(asResource({ credential: undefined }), refused("invalid", /credential/));
  const linux = { osType: OSType.OS_TYPE_LINUX };
  await assert.rejects(asResource(linux), refused("invalid", /credential/));
  const ak = { credential: { id: "x", tpmAkPublic: new Uint8Array(280) } };
  await assert.rejects(asResource({ ...linux, ...ak }), refused("invalid", /credential/));
  await assert.rejects(asResource({ id: "not-a-uuid" }), refused("invalid", /UUID/));
  const created = await asResource({});
  assert.equal(created.id, id);
  assert.equal(created.owner, "alice");
  assert.equal(created.createTime?.seconds, backup.createTime.seconds);
  await assert.rejects(
    asResource({ assetTag: "XX2" }),
    refused("already-exists", /already exists/),
  );
  const other = { assetTag: "XX2", id: id.replace("2", "3") };
  await assert.rejects(asResource(other), refused("already-exists", /credential/));
  await cluster.close();
});

test("what is no device is refused by name", async () => {
  const { cluster, devices } = await start();
  const cases: [object, RegExp][] = [
    [{ assetTag: "XX1" }, /missing OS type/],
    [{ osType: 99, assetTag: "XX1" }, /os_type/],
    [{ osType: OSType.OS_TYPE_MACOS }, /missing asset tag/],
    [{ ...mac, assetTag: "x".repeat(101) }, /asset tag/],
    [{ ...mac, assetTag: "a\nb" }, /asset tag/],
    [{ ...mac, assetTag: " a" }, /asset tag/],
    [{ ...mac, apiVersion: "v9" }, /version/],
    [{ ...mac, source: { name: "x", origin: 77 } }, /origin/],
  ];
  for (const [device, text] of cases) {
    await assert.rejects(devices.createDevice({ device }), refused("invalid", text));
  }
  await assert.rejects(devices.createDevice({}), refused("invalid", /device is nil/));
  await assert.rejects(devices.upsertDevice({}), refused("invalid", /device is nil/));
  await assert.rejects(devices.updateDevice({ device: mac }), refused("invalid", /device id/));
  await assert.rejects(devices.updateDevice({ device: { id } }), refused("not-found"));
  await assert.rejects(devices.getDevice({ deviceId: id }), refused("not-found"));
  await assert.rejects(devices.deleteDevice({ deviceId: id }), refused("not-found"));
  await assert.rejects(devices.deleteDevice({}), refused("invalid"));
  await cluster.close();
});

test("an update changes profile, source and owner, and refuses every other field by its name", async () => {
  const { cluster, devices } = await start();
  const created = await devices.createDevice({ device: mac });
  const update = (device: object, ...paths: string[]) =>
    devices.updateDevice({ device: { id: created.id, ...device }, updateMask: { paths } });
  const changed = await update(
    {
      owner: "bob",
      profile: { osVersion: "15.1" },
      source: { name: "jamf", origin: DeviceOrigin.JAMF },
    },
    "owner",
    "profile",
    "source",
  );
  assert.equal(changed.owner, "bob");
  assert.equal(changed.profile?.osVersion, "15.1");
  assert.ok(changed.profile.updateTime);
  assert.equal(changed.source?.name, "jamf");
  assert.equal((await update({}, "owner")).owner, "", "a masked field that is empty is emptied");
  assert.equal((await update({ owner: "eve" }, "profile")).owner, "", "what is not masked stays");
  const fixed: [string, object][] = [
    ["os_type", { osType: OSType.OS_TYPE_LINUX }],
    ["asset_tag", { assetTag: "XX9" }],
    ["credential", { credential: { id: "x" } }],
    ["create_time", { createTime: timestampFromDate(new Date(0)) }],
    ["collected_data", { collectedData: [{ serialNumber: "x" }] }],
    ["enroll_status", { enrollStatus: DeviceEnrollStatus.ENROLLED }],
  ];
  for (const [field, device] of fixed) {
    await assert.rejects(update(device, field), refused("invalid", new RegExp(field)));
  }
  await update({ ...mac }, "os_type", "asset_tag");
  await cluster.close();
});

test("a document that was read can be written back, and unenrols with one word changed", async () => {
  const { cluster, admin, devices } = await start();
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  const read = async () => {
    const { devices: all } = await devices.listDevices({ view: DeviceView.RESOURCE });
    assert.ok(all[0]);
    return all[0];
  };
  const stored = await read();
  assert.equal(stored.owner, "admin");
  assert.equal(stored.collectedData.length, 1);
  await devices.upsertDevice({ device: stored, createAsResource: true });
  assert.deepEqual((await read()).credential, stored.credential);
  await devices.upsertDevice({ device: { ...stored, owner: "" }, createAsResource: true });
  assert.equal((await read()).owner, "admin", "without a mask, what is absent stays");
  const enrollStatus = DeviceEnrollStatus.NOT_ENROLLED;
  cluster.clock.advance(1);
  await devices.upsertDevice({ device: { ...stored, enrollStatus }, createAsResource: true });
  const unenrolled = await read();
  assert.equal(unenrolled.enrollStatus, enrollStatus);
  assert.equal(unenrolled.credential, undefined);
  assert.equal(unenrolled.owner, "");
  assert.deepEqual(unenrolled.collectedData, []);
  const event = await cluster.lastEvent("device.update");
  assert.equal(event?.message, "unenrolled");
  assert.equal(
    (event["device"] as { credential_id?: string }).credential_id,
    stored.credential?.id,
  );
  await assert.rejects(
    devices.upsertDevice({ device: stored, createAsResource: true }),
    refused("invalid", /enroll_status/),
  );
  await cluster.close();
});

test("an upsert finds its device by system and tag, and does not move it to another id", async () => {
  const { cluster, devices } = await start();
  const first = await devices.upsertDevice({ device: mac, createAsResource: true });
  const again = await devices.upsertDevice({
    device: { ...mac, profile: { osVersion: "15.1" } },
    createAsResource: true,
  });
  assert.equal(again.id, first.id);
  assert.equal(again.profile?.osVersion, "15.1");
  const moved = devices.upsertDevice({ device: { ...mac, id }, createAsResource: true });
  await assert.rejects(moved, refused("already-exists", /has the id/));
  await cluster.close();
});

test("a list shows no keys unless the full view is asked for, page by page", async () => {
  const { cluster, admin, devices } = await start();
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  for (const tag of ["A", "B", "C"]) {
    await devices.createDevice({ device: { ...mac, assetTag: tag, profile: { osVersion: "1" } } });
  }
  const tags: string[] = [];
  let pageToken = "";
  do {
    const page = await devices.listDevices({ pageSize: 2, pageToken });
    assert.ok(page.devices.length <= 2);
    for (const device of page.devices) {
      assert.equal(device.credential, undefined);
      assert.equal(device.profile, undefined);
      assert.deepEqual(device.collectedData, []);
      tags.push(device.assetTag);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.deepEqual(tags.sort(), ["A", "B", "C", "PF47WND6"]);
  const own = await devices.listDevicesByUser({});
  assert.deepEqual(
    own.devices.map(({ assetTag }) => assetTag),
    ["PF47WND6"],
  );
  assert.equal((await devices.getDevicesUsage({})).devicesInUse, 1);
  await cluster.close();
});

test("of many devices in one call each succeeds or fails for itself, in order", async () => {
  const { cluster, devices } = await start();
  const { devices: outcomes } = await devices.bulkCreateDevices({
    devices: [mac, mac, { assetTag: "XX1" }, { ...mac, assetTag: "XX2" }],
  });
  assert.deepEqual(
    outcomes.map(({ status }) => status?.code),
    [0, 6, 3, 0],
  );
  assert.deepEqual(
    outcomes.map((outcome) => outcome.id !== ""),
    [true, false, false, true],
  );
  const many = Array.from({ length: 1001 }, (_, i) => ({ ...mac, assetTag: `T${i}` }));
  await assert.rejects(devices.bulkCreateDevices({ devices: many }), refused("limit"));
  await cluster.close();
});

test("every call needs its own verb, and the refusal is the code that clients reword", async () => {
  const { cluster, admin } = await start();
  const nobody = await logIn(cluster, "nobody", { roles: ["access"] });
  const devices = await nobody.client.service("devices");
  const { id: deviceId } = await (await admin.client.service("devices")).createDevice({
    device: mac,
  });
  const calls: [string, () => Promise<unknown>][] = [
    ["list", () => devices.findDevices({ idOrTag: "x" })],
    ["list", () => devices.listDevices({})],
    ["read", () => devices.getDevice({ deviceId })],
    ["create", () => devices.createDevice({ device: mac })],
    ["create", () => devices.upsertDevice({ device: mac })],
    ["create", () => devices.bulkCreateDevices({ devices: [mac] })],
    ["update", () => devices.updateDevice({ device: { id: deviceId } })],
    ["delete", () => devices.deleteDevice({ deviceId })],
    ["create_enroll_token", () => devices.createDeviceEnrollToken({ deviceId })],
    ["list", () => devices.getDevicesUsage({})],
  ];
  for (const [verb, call] of calls) {
    await assert.rejects(call(), refused("access-denied", new RegExp(`"${verb}" on "device"`)));
  }
  assert.deepEqual((await devices.listDevicesByUser({})).devices, []);
  await cluster.close();
});

test("a create with a token needs the verb for tokens before anything is registered", async () => {
  const { cluster } = await start();
  const creator = cluster.auth.context.stores.roles;
  const role = await creator.get("device-admin");
  await creator.create({
    ...role,
    metadata: { name: "registrar" },
    spec: {
      ...role.spec,
      allow: { rules: [{ resources: ["device"], verbs: ["create", "list", "read"] }] },
    },
  });
  const person = await logIn(cluster, "registrar", { roles: ["registrar"] });
  const devices = await person.client.service("devices");
  const wish = { device: mac, createEnrollToken: true };
  await assert.rejects(devices.createDevice(wish), refused("access-denied", /create_enroll_token/));
  assert.deepEqual((await devices.listDevices({})).devices, []);
  await devices.createDevice({ device: mac });
  await cluster.close();
});

test("tokens are made for existing devices and end when asked, at most a day away", async () => {
  const { cluster, devices } = await start();
  const created = await devices.createDevice({ device: mac, createEnrollToken: true });
  assert.match(created.enrollToken?.token ?? "", /^[0-9a-f]{40}$/);
  const deviceId = created.id;
  const token = await devices.createDeviceEnrollToken({ deviceId });
  const seconds = cluster.clock.now().getTime() / 1000;
  assert.equal(Number(token.expireTime?.seconds) - seconds, 3600);
  for (const expireTime of [
    { seconds: BigInt(seconds), nanos: 0 },
    { seconds: BigInt(seconds + 86_401), nanos: 0 },
    { seconds: 2n ** 63n - 1n, nanos: 0 },
    { seconds: -(2n ** 63n), nanos: -1 },
  ]) {
    const call = devices.createDeviceEnrollToken({ deviceId, expireTime });
    await assert.rejects(call, refused("invalid"));
  }
  await assert.rejects(devices.createDeviceEnrollToken({ deviceId: id }), refused("not-found"));
  await assert.rejects(devices.createDeviceEnrollToken({}), refused("invalid"));
  const event = await cluster.lastEvent("device.token.create");
  assert.equal(event?.success, true);
  await cluster.close();
});

test("a device enrols by itself only where the cluster allows it and its profile matches", async () => {
  const { cluster, devices } = await start({ mode: "optional", auto_enroll: true });
  const bob = await logIn(cluster, "bob", { roles: ["access"] });
  const theirs = await bob.client.service("devices");
  const simulated = new SimulatedAppleDevice();
  const data = deviceDataOf(cluster, simulated);
  const ask = (changes: object = {}) => {
    // Events of one millisecond have no order.
    cluster.clock.advance(1);
    const deviceData = collectedDataMessage({ ...data, ...changes });
    return theirs.createDeviceEnrollToken({ deviceData });
  };
  const why = async () => (await cluster.lastEvent("device.token.create"))?.message;
  await assert.rejects(ask(), refused("access-denied", /cannot enroll by itself/));
  assert.match((await why()) ?? "", /no device is registered/);
  const registered = await devices.createDevice({
    device: {
      osType: OSType.OS_TYPE_MACOS,
      assetTag: data.serialNumber,
      profile: { osVersion: "99" },
    },
  });
  await assert.rejects(ask(), refused("access-denied", /cannot enroll by itself/));
  assert.match((await why()) ?? "", /os_version is "12"/);
  await devices.updateDevice({
    device: { id: registered.id, profile: { osVersion: data.osVersion } },
    updateMask: { paths: ["profile"] },
  });
  const { token, expireTime } = await ask();
  const left = Number(expireTime?.seconds) - cluster.clock.now().getTime() / 1000;
  assert.equal(Math.round(left), 300);
  const { runEnrollment } = await import("#client/ceremony/enroll.ts");
  const eve = await logIn(cluster, "eve", { roles: ["access"] });
  await assert.rejects(
    runEnrollment(eve.client.grpc, simulated, data, token),
    refused("access-denied", /"enroll" on "device"/),
  );
  await runEnrollment(bob.client.grpc, simulated, data, token);
  const stored = await devices.getDevice({ deviceId: registered.id });
  assert.equal(stored.owner, "bob");
  assert.equal(stored.credential?.deviceAttestationType, DeviceAttestationType.UNSPECIFIED);
  await assert.rejects(ask(), refused("access-denied"));
  assert.match((await why()) ?? "", /enrolled already/);
  await assert.rejects(ask({ serialNumber: "" }), refused("invalid"));
  await cluster.close();
});

test("deleting a device takes its tokens with it, also for a device that gets its id again", async () => {
  const { cluster, admin, devices } = await start();
  const simulated = new SimulatedAppleDevice();
  const data = deviceDataOf(cluster, simulated);
  const device = { osType: OSType.OS_TYPE_MACOS, assetTag: data.serialNumber, id };
  await devices.createDevice({ device, createAsResource: true });
  const { token } = await devices.createDeviceEnrollToken({ deviceId: id });
  await devices.deleteDevice({ deviceId: id });
  await devices.createDevice({ device, createAsResource: true });
  const { runEnrollment } = await import("#client/ceremony/enroll.ts");
  const attempt = runEnrollment(admin.client.grpc, simulated, data, token);
  await assert.rejects(attempt, refused("access-denied", /invalid device enrollment token/));
  assert.equal((await cluster.lastEvent("device.token.spent"))?.["reason"], "enroll_token_unknown");
  assert.equal((await cluster.lastEvent("device.delete"))?.code, "TV002I");
  await cluster.close();
});
